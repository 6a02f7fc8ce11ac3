SELECT paths FROM sbi WHERE stage = 'working' AND number > 0 AND manifest IS NOT NULL
