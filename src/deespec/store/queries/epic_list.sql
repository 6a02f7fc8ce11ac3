SELECT {Epic} FROM epic
WHERE NOT EXISTS (SELECT 1 FROM archived WHERE kind = 'EPIC' AND archived.number = epic.number)
ORDER BY number
