SELECT {id:number}, title FROM sbi WHERE number > 0 AND {id:number} IN (SELECT value FROM json_each(:items))
UNION ALL
SELECT 'PBI-' || number, title FROM pbi WHERE 'PBI-' || number IN (SELECT value FROM json_each(:items))
UNION ALL
SELECT 'EPIC-' || number, title FROM epic WHERE 'EPIC-' || number IN (SELECT value FROM json_each(:items))
