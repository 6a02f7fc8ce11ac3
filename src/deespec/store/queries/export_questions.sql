SELECT {Question} FROM question WHERE (sbi, turn) > (:sbi, :after) ORDER BY sbi, turn LIMIT :limit
