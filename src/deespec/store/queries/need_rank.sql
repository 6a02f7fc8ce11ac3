UPDATE need SET rank = (SELECT CASE stage WHEN 'ended' THEN 3 ELSE rank END FROM sbi WHERE number = :number)
WHERE sbi = :number
