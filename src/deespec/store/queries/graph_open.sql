-- Of the items that a list shows, open or all, what each needs.
SELECT n.sbi, n.needs
FROM need AS n
JOIN sbi AS s ON s.number = n.sbi
WHERE s.stage <> 'ended'
    OR :everything AND NOT EXISTS (SELECT 1 FROM archived AS a WHERE a.kind = 'SBI' AND a.number = n.sbi)
ORDER BY n.sbi, n.needs
