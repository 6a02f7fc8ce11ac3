SELECT number, status, stopped_in, held, refused_at, agent, reviewer FROM sbi WHERE stage <> 'ended' AND number > 0
