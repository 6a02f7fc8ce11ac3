SELECT sbi FROM need WHERE needs = :number ORDER BY sbi
