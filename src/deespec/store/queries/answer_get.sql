SELECT kind, text, decision, source FROM answer WHERE sbi = :number AND turn = :turn
