SELECT number FROM epic WHERE key = :key
