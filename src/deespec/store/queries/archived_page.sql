SELECT kind, number, uid, title, status, parent, finished_at, at
FROM (
    SELECT a.kind, number, uid, title, a.status, parent, finished_at, a.at
    FROM archived AS a JOIN sbi USING (number) WHERE a.kind = 'SBI' AND {scope}
    UNION ALL
    SELECT a.kind, number, uid, title, a.status, parent, NULL, a.at
    FROM archived AS a JOIN pbi USING (number) WHERE a.kind = 'PBI' AND {scope}
    UNION ALL
    SELECT a.kind, number, uid, title, a.status, parent, NULL, a.at
    FROM archived AS a JOIN (SELECT epic.*, NULL AS parent FROM epic) USING (number) WHERE a.kind = 'EPIC' AND {scope}
)
ORDER BY at DESC, kind, number LIMIT :limit OFFSET :offset
