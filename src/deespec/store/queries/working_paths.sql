SELECT number, paths FROM sbi WHERE stage = 'working' ORDER BY number
