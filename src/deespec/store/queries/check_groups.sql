-- Every PBI and EPIC with the number of its children by status, as roll_up takes them.
SELECT g.id, g.status, c.status, coalesce(c.items, 0)
FROM (
    SELECT 'PBI-' || number AS id, status FROM pbi UNION ALL SELECT 'EPIC-' || number, status FROM epic
) AS g
LEFT JOIN (
    SELECT parent, status, sum(items) AS items FROM (
        SELECT parent, status, count(*) AS items FROM sbi WHERE parent IS NOT NULL GROUP BY parent, status
        UNION ALL SELECT parent, status, count(*) FROM pbi WHERE parent IS NOT NULL GROUP BY parent, status
    )
    GROUP BY parent, status
) AS c ON c.parent = g.id
