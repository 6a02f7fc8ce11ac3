SELECT status, sum(items) FROM (
    SELECT status, count(*) AS items FROM sbi WHERE parent = :parent AND number > 0 GROUP BY status
    UNION ALL
    SELECT status, count(*) FROM pbi WHERE parent = :parent GROUP BY status
)
GROUP BY status
