SELECT {Line} FROM sbi WHERE lease_token IS NOT NULL ORDER BY lease_at, number
