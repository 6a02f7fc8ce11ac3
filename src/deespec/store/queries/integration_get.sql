SELECT {Integration} FROM integration WHERE sbi = :sbi
