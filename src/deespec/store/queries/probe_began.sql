SELECT min(lease_at) FROM sbi WHERE lease_token IS NOT NULL AND lease_account = :account AND lease_at >= :since
