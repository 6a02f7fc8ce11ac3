DELETE FROM turn WHERE sbi = :sbi
