SELECT {Question} FROM question WHERE sbi = :sbi ORDER BY turn
