INSERT INTO archived (kind, number, status, at)
SELECT :kind, number, status, :at FROM (
    SELECT 'SBI' AS kind, number, status FROM sbi UNION ALL SELECT 'PBI', number, status FROM pbi
    UNION ALL SELECT 'EPIC', number, status FROM epic
)
WHERE kind = :kind AND number = :number
