SELECT s.number, s.rank, s.status, s.stopped_in, s.agent, s.reviewer, s.paths
FROM meta AS m JOIN sbi AS s ON s.number = CAST(m.value AS INTEGER)
WHERE m.name = 'next' AND s.stage IN ('pending', 'resumable') AND s.held = 0 AND s.waits_for IS NOT 'need'
