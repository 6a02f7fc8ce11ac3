SELECT s.number, min(d.number)
FROM sbi AS s
JOIN need AS n ON n.needs = s.number
JOIN sbi AS d ON d.number = n.sbi
WHERE s.status = 'CANCELLED' AND d.stage <> 'ended'
    AND NOT EXISTS (SELECT 1 FROM archived WHERE kind = 'SBI' AND archived.number = s.number)
GROUP BY s.number
