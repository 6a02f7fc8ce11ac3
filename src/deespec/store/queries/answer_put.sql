INSERT INTO answer (sbi, turn, token, kind, text, decision, source, remarks, at)
VALUES (:sbi, :turn, :token, :kind, :text, :decision, :source, :remarks, :at)
ON CONFLICT (sbi, turn) DO UPDATE SET
    token = excluded.token, kind = excluded.kind, text = excluded.text, decision = excluded.decision,
    source = excluded.source, remarks = excluded.remarks, at = excluded.at
WHERE (kind, text, decision, remarks) IS NOT (excluded.kind, excluded.text, excluded.decision, excluded.remarks)
