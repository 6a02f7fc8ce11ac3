SELECT kind, text, decision, source, remarks FROM answer WHERE sbi = :number AND turn = :turn
