-- These PBIs and EPICs, and the EPICs that these PBIs are below.
WITH wanted (id) AS MATERIALIZED (SELECT value FROM json_each(:ids))
SELECT 'EPIC', number, title, status, NULL
FROM epic
WHERE 'EPIC-' || number IN (
    SELECT id FROM wanted UNION ALL SELECT parent FROM pbi WHERE 'PBI-' || pbi.number IN (SELECT id FROM wanted)
)
UNION ALL
SELECT 'PBI', number, title, status, parent FROM pbi WHERE 'PBI-' || number IN (SELECT id FROM wanted)
