UPDATE sbi SET
    waits_on = (
        SELECT n.needs FROM need AS n JOIN sbi AS s ON s.number = n.needs
        WHERE n.sbi = :number AND s.status <> 'DONE' ORDER BY n.needs LIMIT 1
    ),
    waits_for = CASE WHEN EXISTS (
        SELECT 1 FROM need AS n JOIN sbi AS s ON s.number = n.needs WHERE n.sbi = :number AND s.status <> 'DONE'
    ) THEN 'need' END
WHERE number = :number AND stage IN ('pending', 'resumable')
