DELETE FROM need WHERE sbi = :number
