-- Every PBI and EPIC with what roll_up takes: its decomposition, its undecided drafts, its children by status.
SELECT g.id, g.status, d.status, coalesce(d.resume, 0), coalesce(o.drafts, 0), c.status, coalesce(c.items, 0)
FROM (
    SELECT 'PBI-' || number AS id, status FROM pbi UNION ALL SELECT 'EPIC-' || number, status FROM epic
) AS g
LEFT JOIN (
    SELECT parent, status, sum(items) AS items FROM (
        SELECT parent, status, count(*) AS items FROM sbi WHERE parent IS NOT NULL AND number > 0 GROUP BY parent, status
        UNION ALL SELECT parent, status, count(*) FROM pbi WHERE parent IS NOT NULL GROUP BY parent, status
    )
    GROUP BY parent, status
) AS c ON c.parent = g.id
LEFT JOIN (
    SELECT parent, count(*) AS drafts FROM draft WHERE status IN ('open', 'waiting') GROUP BY parent
) AS o ON o.parent = g.id AND g.id GLOB 'PBI-*'
LEFT JOIN sbi AS d ON d.number < 0 AND d.parent = g.id
