SELECT number, paths FROM sbi WHERE stage = 'working' ORDER BY rank, number
