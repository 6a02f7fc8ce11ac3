SELECT n.sbi, n.needs, s.status
FROM need AS n
JOIN sbi AS s ON s.number = n.needs
JOIN sbi AS w ON w.number = n.sbi
WHERE s.status <> 'DONE' AND w.stage IN ('pending', 'resumable')
ORDER BY n.sbi, n.needs
