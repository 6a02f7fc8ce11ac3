DELETE FROM answer WHERE sbi = :sbi AND turn = :turn
