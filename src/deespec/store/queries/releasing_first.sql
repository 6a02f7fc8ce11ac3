SELECT number FROM releasing LIMIT 1
