SELECT s.number, s.rank, s.status, s.stopped_in, s.agent, s.reviewer, s.paths, w.value, a.value,
    EXISTS (SELECT 1 FROM worker WHERE uid = w.value)
FROM meta AS m JOIN sbi AS s ON s.number = CAST(m.value AS INTEGER)
    JOIN meta AS w ON w.name = 'next_for' JOIN meta AS a ON a.name = 'next_agents'
WHERE m.name = 'next' AND s.stage IN ('pending', 'resumable') AND s.held = 0 AND s.waits_for IS NOT 'need'
