SELECT {Spend} FROM spend WHERE sbi = :number AND turn = :turn
ORDER BY token DESC LIMIT 1
