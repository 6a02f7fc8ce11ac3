SELECT s.number, s.paths FROM meta AS m JOIN sbi AS s ON s.number = CAST(m.value AS INTEGER)
WHERE m.name = 'next' AND s.stage IN ('pending', 'resumable') AND s.held = 0
    AND (s.waits_for IS NULL OR s.waits_for = 'paths')
