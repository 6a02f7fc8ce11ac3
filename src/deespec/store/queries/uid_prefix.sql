SELECT 'SBI-' || number FROM sbi WHERE uid >= :low AND uid < :high
UNION ALL SELECT 'PBI-' || number FROM pbi WHERE uid >= :low AND uid < :high
UNION ALL SELECT 'EPIC-' || number FROM epic WHERE uid >= :low AND uid < :high
LIMIT 10
