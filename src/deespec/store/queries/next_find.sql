SELECT number, rank, status, stopped_in, agent, reviewer, paths
FROM (
    SELECT number, rank, status, stopped_in, agent, reviewer, paths, refused_at, refused_starts FROM sbi
    WHERE refused_at IS NOT NULL AND held = 0 AND waits_for IS NOT 'need' AND rank = :rank
        AND {scope}
        AND NOT EXISTS (
            SELECT 1 FROM need AS n JOIN sbi AS s ON s.number = n.needs WHERE n.sbi = sbi.number AND s.status <> 'DONE'
        )
    ORDER BY refused_starts, number LIMIT 1
)
WHERE rank = 0 OR refused_at <= :time OR refused_starts <= :starts
