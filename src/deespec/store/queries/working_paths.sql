SELECT number, paths, coalesce(touched, '[]') FROM sbi LEFT JOIN work ON work.sbi = sbi.number
WHERE stage = 'working' ORDER BY rank, number
