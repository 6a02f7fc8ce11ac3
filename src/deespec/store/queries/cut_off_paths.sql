SELECT paths FROM sbi WHERE stage = 'working' AND manifest IS NOT NULL
