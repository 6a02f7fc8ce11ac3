SELECT id FROM (
    SELECT 0 AS kind, number, 'PBI-' || number AS id FROM pbi WHERE parent = :parent
    UNION ALL
    SELECT 1, number, {id:number} FROM sbi WHERE parent = :parent AND number > 0
)
ORDER BY kind, number
