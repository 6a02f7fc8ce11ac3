SELECT lease_account, count(*) FROM sbi WHERE lease_token IS NOT NULL GROUP BY lease_account
