INSERT INTO need (sbi, needs, rank)
SELECT number, :needs, CASE stage WHEN 'ended' THEN 3 ELSE rank END FROM sbi WHERE number = :number
