SELECT needs FROM need WHERE sbi = :number ORDER BY needs
