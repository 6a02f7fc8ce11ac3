INSERT INTO allowance (sbi, from_token) SELECT :number, :token WHERE EXISTS (SELECT 1 FROM spend WHERE sbi = :number)
ON CONFLICT (sbi) DO UPDATE SET from_token = excluded.from_token
