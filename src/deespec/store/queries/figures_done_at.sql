SELECT finished_at FROM sbi WHERE finished_at >= :since AND number > 0 AND status = 'DONE'
