SELECT {Merge} FROM merge WHERE :sbi IS NULL OR sbi = :sbi ORDER BY number
