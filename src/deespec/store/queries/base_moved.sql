UPDATE sbi SET not_before = NULL WHERE stage = 'working' AND lease_token IS NULL AND reason = :reason
