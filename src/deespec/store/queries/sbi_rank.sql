UPDATE sbi SET rank = computed.rank
FROM (
    SELECT min(
        CASE priority WHEN 'urgent' THEN 0 WHEN 'high' THEN 1 WHEN 'normal' THEN 2 ELSE 3 END,
        coalesce((SELECT min(rank) FROM need WHERE needs = :number), 3)
    ) AS rank
    FROM sbi WHERE number = :number
) AS computed
WHERE sbi.number = :number AND sbi.rank <> computed.rank
