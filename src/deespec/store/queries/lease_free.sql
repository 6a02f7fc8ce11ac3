UPDATE sbi SET
    lease_token = NULL, lease_worker = NULL, lease_until = NULL, lease_boot = NULL,
    lease_agent = NULL, lease_account = NULL, lease_at = NULL
WHERE number = :number
