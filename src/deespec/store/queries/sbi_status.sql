SELECT status FROM sbi WHERE number = :number
