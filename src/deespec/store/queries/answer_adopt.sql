INSERT INTO answer (sbi, turn, token, kind, text, decision, source, remarks, at)
VALUES (:sbi, :turn, :token, :kind, :text, :decision, :source, :remarks, :at)
ON CONFLICT (sbi, turn) DO NOTHING
