SELECT 'EPIC', number, title FROM epic
UNION ALL SELECT 'PBI', number, title FROM pbi
UNION ALL SELECT 'SBI', number, title FROM sbi
