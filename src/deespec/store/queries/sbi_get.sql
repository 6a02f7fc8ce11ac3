SELECT {Sbi} FROM {with_needs} WHERE number = :number
