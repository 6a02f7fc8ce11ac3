SELECT number FROM sbi WHERE source = :source AND source_hash = :hash ORDER BY number DESC LIMIT 1
