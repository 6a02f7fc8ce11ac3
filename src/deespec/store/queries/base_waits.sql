SELECT 1 FROM sbi WHERE stage = 'working' AND reason = :reason LIMIT 1
