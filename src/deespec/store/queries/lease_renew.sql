UPDATE sbi SET lease_until = :until, lease_boot = :boot WHERE lease_token IS NOT NULL AND lease_worker = :worker
