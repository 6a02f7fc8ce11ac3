SELECT n.needs FROM need AS n JOIN sbi AS s ON s.number = n.needs
WHERE n.sbi = :number AND s.status <> 'DONE'
ORDER BY n.needs LIMIT 1
