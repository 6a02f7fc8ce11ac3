DELETE FROM work WHERE sbi = :sbi
