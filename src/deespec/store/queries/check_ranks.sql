SELECT 'wrong', {id:n.sbi},
    {id:n.sbi} || ' needs ' || {id:n.needs} || ' with rank ' || n.rank || ', and its own is ' || s.rank
        || CASE s.stage WHEN 'ended' THEN ' (it has ended: 3 counts)' ELSE '' END
FROM need AS n JOIN sbi AS s ON s.number = n.sbi
WHERE n.rank <> CASE s.stage WHEN 'ended' THEN 3 ELSE s.rank END
UNION ALL
SELECT 'wrong', {id:number}, {id:number} || ' has rank ' || rank || '; by its priority and what needs it, ' || due
FROM (
    SELECT s.number, s.rank, min(
        CASE s.priority WHEN 'urgent' THEN 0 WHEN 'high' THEN 1 WHEN 'normal' THEN 2 ELSE 3 END,
        coalesce((SELECT min(rank) FROM need WHERE needs = s.number), 3)
    ) AS due
    FROM sbi AS s
)
WHERE rank <> due
