INSERT INTO spend (token, sbi, cost_usd, at) VALUES (:token, :sbi, :usd, :at)
ON CONFLICT (token) DO NOTHING
