SELECT DISTINCT event FROM journal ORDER BY event
