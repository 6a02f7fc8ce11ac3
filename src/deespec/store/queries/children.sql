SELECT id FROM (
    SELECT 0 AS kind, number, 'PBI-' || number AS id FROM pbi WHERE parent = :parent
    UNION ALL
    SELECT 1, number, 'SBI-' || number FROM sbi WHERE parent = :parent
)
ORDER BY kind, number
