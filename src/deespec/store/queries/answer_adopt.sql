INSERT INTO answer (sbi, turn, token, kind, text, decision, source, at)
VALUES (:sbi, :turn, :token, :kind, :text, :decision, :source, :at)
ON CONFLICT (sbi, turn) DO NOTHING
