SELECT count(*) FROM sbi WHERE lease_token IS NOT NULL
