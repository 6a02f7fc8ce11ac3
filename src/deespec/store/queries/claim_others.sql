SELECT 1 FROM sbi WHERE stage = 'working' AND lease_token IS NOT NULL AND number <> :number LIMIT 1
