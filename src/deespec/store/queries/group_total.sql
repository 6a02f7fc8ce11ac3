WITH grouped AS (
    SELECT number, title, status, parent, labels, owner FROM pbi WHERE :kind = 'PBI'
    UNION ALL
    SELECT number, title, status, NULL, labels, owner FROM epic WHERE :kind = 'EPIC'
)
SELECT count(*)
FROM grouped
WHERE NOT EXISTS (SELECT 1 FROM archived WHERE archived.kind = :kind AND archived.number = grouped.number)
    AND (:statuses IS NULL OR status IN (SELECT value FROM json_each(:statuses)))
    AND {scope}
