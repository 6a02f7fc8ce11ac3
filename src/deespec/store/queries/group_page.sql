-- PBIs or EPICs in order of registration, without their texts; a PBI with its decomposition and undecided drafts.
WITH grouped AS (
    SELECT
        'PBI' AS kind, number, uid, title, status, priority, parent, labels, story_points, auto, auto_approve,
        drafts_least, drafts_most, owner, held, registered_at, updated_at
    FROM pbi WHERE :kind = 'PBI'
    UNION ALL
    SELECT
        'EPIC', number, uid, title, status, priority, NULL, labels, NULL, 0, 0, NULL, NULL, owner, held, registered_at,
        updated_at
    FROM epic WHERE :kind = 'EPIC'
)
SELECT
    grouped.*,
    (SELECT status FROM sbi WHERE :kind = 'PBI' AND sbi.number = :decompositions + grouped.number),
    (
        SELECT count(*) FROM draft
        WHERE draft.status IN ('open', 'waiting') AND draft.parent IN (
            SELECT grouped.kind || '-' || grouped.number
            UNION ALL
            SELECT 'PBI-' || pbi.number FROM pbi WHERE pbi.parent = grouped.kind || '-' || grouped.number
        )
    )
FROM grouped
WHERE NOT EXISTS (SELECT 1 FROM archived WHERE archived.kind = :kind AND archived.number = grouped.number)
    AND (:statuses IS NULL OR status IN (SELECT value FROM json_each(:statuses)))
    AND {scope}
ORDER BY number LIMIT :limit OFFSET :offset
