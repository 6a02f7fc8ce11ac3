DELETE FROM answer WHERE sbi = :sbi
