-- CROSS: the few that are asked for come first, whatever SQLite thinks; `+` keeps it from walking over all SBIs.
-- Of each of these PBIs and EPICs: the number of SBIs by status, those below its PBIs included, and of PBIs; and how many
-- of them are right below it.
WITH
wanted (id) AS MATERIALIZED (SELECT value FROM json_each(:ids)),
above (top, id) AS (
    SELECT id, id FROM wanted
    UNION ALL
    SELECT wanted.id, 'PBI-' || pbi.number FROM wanted CROSS JOIN pbi ON pbi.parent = wanted.id
)
SELECT above.top, 'SBI', sbi.status, count(*), sum(above.id = above.top)
FROM above CROSS JOIN sbi ON sbi.parent = above.id
WHERE +sbi.number > 0 GROUP BY above.top, sbi.status
UNION ALL
SELECT wanted.id, 'PBI', pbi.status, count(*), count(*)
FROM wanted CROSS JOIN pbi ON pbi.parent = wanted.id
GROUP BY wanted.id, pbi.status
