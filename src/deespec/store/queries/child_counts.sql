SELECT status, count(*) FROM sbi WHERE parent = :parent GROUP BY status
UNION ALL
SELECT status, count(*) FROM pbi WHERE parent = :parent GROUP BY status
