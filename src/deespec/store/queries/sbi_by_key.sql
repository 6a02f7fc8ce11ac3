SELECT number FROM sbi WHERE key = :key
