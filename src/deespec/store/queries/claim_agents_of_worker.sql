SELECT lease_agent, count(*) FROM sbi WHERE lease_token IS NOT NULL AND lease_worker = :worker GROUP BY lease_agent
