SELECT {Work} FROM work WHERE sbi = :sbi
