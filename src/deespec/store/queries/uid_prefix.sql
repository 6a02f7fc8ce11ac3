SELECT {id:number} FROM sbi WHERE number > 0 AND uid >= :low AND uid < :high
UNION ALL SELECT 'PBI-' || number FROM pbi WHERE uid >= :low AND uid < :high
UNION ALL SELECT 'EPIC-' || number FROM epic WHERE uid >= :low AND uid < :high
LIMIT 10
