INSERT INTO answer (sbi, turn, token, kind, text, decision, source, at)
VALUES (:sbi, :turn, :token, :kind, :text, :decision, :source, :at)
ON CONFLICT (sbi, turn) DO UPDATE SET
    token = excluded.token, kind = excluded.kind, text = excluded.text, decision = excluded.decision,
    source = excluded.source, at = excluded.at
WHERE (kind, text, decision) IS NOT (excluded.kind, excluded.text, excluded.decision)
