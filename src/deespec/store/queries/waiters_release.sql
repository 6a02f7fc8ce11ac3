UPDATE sbi SET waits_on = NULL, waits_for = NULL
WHERE number IN (
    SELECT number FROM sbi
    WHERE waits_on = :number AND (:what IS NULL OR waits_for = :what)
    ORDER BY rank, number LIMIT :step
)
