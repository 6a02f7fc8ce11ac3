SELECT refused_at FROM sbi WHERE number = :number
