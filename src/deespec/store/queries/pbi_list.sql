SELECT {Pbi} FROM pbi
WHERE NOT EXISTS (SELECT 1 FROM archived WHERE kind = 'PBI' AND archived.number = pbi.number)
ORDER BY number
