SELECT 'SBI-' || number, title FROM sbi WHERE 'SBI-' || number IN (SELECT value FROM json_each(:items))
UNION ALL
SELECT 'PBI-' || number, title FROM pbi WHERE 'PBI-' || number IN (SELECT value FROM json_each(:items))
UNION ALL
SELECT 'EPIC-' || number, title FROM epic WHERE 'EPIC-' || number IN (SELECT value FROM json_each(:items))
