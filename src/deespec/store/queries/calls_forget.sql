DELETE FROM call WHERE sbi = :number
