SELECT {Turn} FROM turn WHERE (sbi, number) > (:sbi, :after) ORDER BY sbi, number LIMIT :limit
