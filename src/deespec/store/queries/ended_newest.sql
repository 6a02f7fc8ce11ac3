-- The index of ends is read from its end; by that of statuses all of them would be sorted.
SELECT {Line} FROM sbi INDEXED BY sbi_ended
WHERE finished_at IS NOT NULL AND status = :status AND number > 0
    AND NOT EXISTS (SELECT 1 FROM archived WHERE kind = 'SBI' AND archived.number = sbi.number)
ORDER BY finished_at DESC, number DESC LIMIT :limit
