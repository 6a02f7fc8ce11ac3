SELECT CAST(m.value AS INTEGER) FROM meta AS m JOIN meta AS w ON w.name = 'next_for'
WHERE m.name = 'next' AND w.value = :worker
