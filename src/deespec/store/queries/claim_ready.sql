SELECT number, rank, status, stopped_in, agent, reviewer, paths FROM sbi
WHERE stage = 'pending' AND waits_on IS NULL AND held = 0
    AND agent = :agent AND rank = :rank AND number > :number
    AND {scope}
ORDER BY number LIMIT :limit
