SELECT {Sbi} FROM sbi_full WHERE number = :number
