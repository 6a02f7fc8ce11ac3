-- Open items that nobody works on; those in which nothing differs that choosing looks at, together.
SELECT
    min(number) AS first, count(*),
    kind || held || later || next || needs || agents AS alike,
    CASE WHEN :by_paths AND kind = 'enters' AND held = 0 AND needs = 0 THEN paths END AS tested
FROM (
    SELECT
        number, held, paths,
        CASE stage WHEN 'stopped' THEN status WHEN 'working' THEN 'works' ELSE 'enters' END AS kind,
        coalesce(not_before > :now, 0) AS later,
        coalesce(number = :next, 0) AS next,
        CASE WHEN 'REVIEWING' IN (status, coalesce(stopped_in, '')) THEN 'review' || reviewer ELSE agent END AS agents,
        EXISTS (
            SELECT 1 FROM need AS n JOIN sbi AS s ON s.number = n.needs WHERE n.sbi = sbi.number AND s.status <> 'DONE'
        ) AS needs
    FROM sbi WHERE stage <> 'ended' AND lease_token IS NULL
)
GROUP BY alike, tested
ORDER BY first
