SELECT status, count(*) FROM sbi GROUP BY status
