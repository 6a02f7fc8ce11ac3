UPDATE sbi SET
    lease_token = :token, lease_worker = :worker, lease_until = :until, lease_boot = :boot,
    lease_agent = :agent, lease_account = :account, lease_at = :at
WHERE number = :number
