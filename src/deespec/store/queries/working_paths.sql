SELECT number, paths, coalesce(touched, '[]') FROM sbi LEFT JOIN work ON work.sbi = sbi.number
WHERE stage = 'working' AND number > 0 ORDER BY rank, number
