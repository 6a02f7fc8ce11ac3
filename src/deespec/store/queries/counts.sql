SELECT status, sum(items) FROM (
    SELECT status, count(*) AS items FROM sbi WHERE number > 0 GROUP BY status
    UNION ALL
    SELECT status, -count(*) FROM archived WHERE kind = 'SBI' GROUP BY status
)
GROUP BY status HAVING sum(items) > 0
