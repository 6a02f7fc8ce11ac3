SELECT 1 FROM sbi
WHERE parent = :parent AND number > 0 AND NOT EXISTS (SELECT 1 FROM archived WHERE kind = 'SBI' AND archived.number = sbi.number)
UNION ALL
SELECT 1 FROM pbi
WHERE parent = :parent AND NOT EXISTS (SELECT 1 FROM archived WHERE kind = 'PBI' AND archived.number = pbi.number)
LIMIT 1
