INSERT INTO need (sbi, needs) VALUES (:number, :needs)
