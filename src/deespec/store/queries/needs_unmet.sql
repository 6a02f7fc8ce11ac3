SELECT n.sbi, n.needs, s.status
FROM need AS n
JOIN sbi AS s ON s.number = n.needs
WHERE n.sbi IN (SELECT value FROM json_each(:numbers)) AND s.status <> 'DONE'
ORDER BY n.sbi, n.needs
