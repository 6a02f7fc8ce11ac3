SELECT number, rank, status, stopped_in, agent, reviewer, paths FROM sbi
WHERE stage = 'working' AND lease_token IS NULL AND held = 0 AND (not_before IS NULL OR not_before NOT BETWEEN :now + 1 AND :now + :wait_most)
    AND {scope}
ORDER BY rank, number
