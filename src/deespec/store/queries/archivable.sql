SELECT number
FROM sbi
WHERE status IN ('DONE', 'CANCELLED') AND number > 0
    AND (:before IS NULL OR finished_at <= :before)
    AND NOT EXISTS (SELECT 1 FROM archived WHERE kind = 'SBI' AND archived.number = sbi.number)
ORDER BY number
