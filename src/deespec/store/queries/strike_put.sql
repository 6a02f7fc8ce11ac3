INSERT INTO agent_strike (account, sbi, code, at) VALUES (:account, :sbi, :code, :now)
ON CONFLICT (account, sbi) DO UPDATE SET at = excluded.at
