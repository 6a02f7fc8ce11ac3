SELECT {Line} FROM sbi
WHERE status IN ('PENDING', 'PICKED', 'IMPLEMENTING', 'REVIEWING', 'RESOLVING', 'INTEGRATING', 'DECOMPOSING', 'PARKED', 'FAILED')
    AND {part} = :part
ORDER BY lease_token IS NULL, rank, number LIMIT :limit
