-- Few: those of PBIs that somebody wants decomposed now.
SELECT number, rank, status, stopped_in, agent, reviewer, paths FROM sbi
WHERE stage = 'asked' AND held = 0 AND rank = :rank AND {scope}
ORDER BY number
