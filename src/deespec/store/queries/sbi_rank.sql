UPDATE sbi SET rank = computed.rank
FROM (
    SELECT min(own.rank, coalesce((
        SELECT min(d.rank) FROM need AS n JOIN sbi AS d ON d.number = n.sbi
        WHERE n.needs = :number AND d.stage <> 'ended'
    ), 3)) AS rank
    FROM (
        SELECT CASE priority WHEN 'urgent' THEN 0 WHEN 'high' THEN 1 WHEN 'normal' THEN 2 ELSE 3 END AS rank
        FROM sbi WHERE number = :number
    ) AS own
) AS computed
WHERE sbi.number = :number AND sbi.rank <> computed.rank
