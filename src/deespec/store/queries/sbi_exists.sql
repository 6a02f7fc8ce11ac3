SELECT 1 FROM sbi WHERE number = :number
