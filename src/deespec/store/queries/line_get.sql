SELECT {Line} FROM sbi WHERE number = :number
