SELECT lease_account, lease_agent, count(*) FROM sbi WHERE lease_token IS NOT NULL GROUP BY lease_account, lease_agent
