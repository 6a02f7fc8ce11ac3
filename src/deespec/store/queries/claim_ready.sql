SELECT number, rank, status, stopped_in, agent, reviewer, paths FROM sbi
WHERE stage = 'pending' AND waits_on IS NULL AND held = 0
    AND agent = :agent AND (rank, number) > (:rank, :number)
    AND {scope}
ORDER BY rank, number LIMIT :limit
