DELETE FROM sbi WHERE number = :number
