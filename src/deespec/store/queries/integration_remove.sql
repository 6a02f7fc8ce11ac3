DELETE FROM integration WHERE sbi = :sbi
