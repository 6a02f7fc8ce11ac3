SELECT lease_agent, lease_worker FROM sbi
WHERE lease_token IS NOT NULL AND NOT EXISTS (SELECT 1 FROM spend WHERE token = lease_token)
