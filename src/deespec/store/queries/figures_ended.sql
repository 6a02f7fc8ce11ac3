SELECT status, registered_at, started_at, finished_at, turn, coalesce(parent, '')
FROM sbi WHERE finished_at >= :since AND number > 0
