SELECT number FROM pbi WHERE source = :source AND source_hash = :hash ORDER BY number DESC LIMIT 1
