SELECT number, rank, status, stopped_in, agent, reviewer, paths FROM sbi
WHERE stage = 'resumable' AND waits_on IS NULL AND held = 0 AND {scope}
ORDER BY rank, number
