INSERT INTO agent_strike (account, agent, sbi, code, at) VALUES (:account, :agent, :sbi, :code, :now)
ON CONFLICT (account, agent, sbi) DO UPDATE SET at = excluded.at
