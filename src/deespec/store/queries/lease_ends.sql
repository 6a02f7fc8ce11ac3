SELECT number, lease_until, lease_boot FROM sbi WHERE lease_token IS NOT NULL
