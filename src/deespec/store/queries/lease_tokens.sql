SELECT lease_token FROM sbi WHERE lease_token IS NOT NULL AND lease_worker = :worker
