WITH item (kind, number, status, parent) AS (
    SELECT 'SBI', number, status, parent FROM sbi WHERE number > 0
    UNION ALL SELECT 'PBI', number, status, parent FROM pbi
    UNION ALL SELECT 'EPIC', number, status, NULL FROM epic
)
SELECT 'wrong' AS severity, a.kind || '-' || a.number AS id,
    a.kind || '-' || a.number || ' is archived, and there is no such item' AS text
FROM archived AS a LEFT JOIN item AS i ON i.kind = a.kind AND i.number = a.number WHERE i.number IS NULL
UNION ALL
SELECT 'wrong', a.kind || '-' || a.number,
    a.kind || '-' || a.number || ' was archived as ' || a.status || ', and is ' || i.status
FROM archived AS a JOIN item AS i ON i.kind = a.kind AND i.number = a.number WHERE i.status <> a.status
UNION ALL
SELECT 'wrong', g.kind || '-' || g.number,
    g.kind || '-' || g.number || ' is archived, and ' || i.kind || '-' || i.number || ' below it is not'
FROM archived AS g JOIN item AS i ON i.parent = g.kind || '-' || g.number
LEFT JOIN archived AS a ON a.kind = i.kind AND a.number = i.number WHERE a.number IS NULL
