SELECT number FROM sbi WHERE :kind = 'SBI' AND source = :source AND number > 0
UNION ALL SELECT number FROM pbi WHERE :kind = 'PBI' AND source = :source
UNION ALL SELECT number FROM epic WHERE :kind = 'EPIC' AND source = :source
