SELECT number FROM pbi WHERE key = :key
