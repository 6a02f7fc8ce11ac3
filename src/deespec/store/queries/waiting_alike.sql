-- Open items that nobody works on; those in which nothing differs that choosing looks at, together.
-- The digits of `state`: 0 to enter work, 1 in work, 2 PARKED, 3 FAILED; held; a need not DONE; a time to come, and
-- what for; next.
-- One number, because sorting by five columns takes twice as long.
SELECT min(number) AS first, count(*), state, agents, CASE WHEN :by_paths AND state < 100 AND sbi THEN paths END AS tested
FROM (
    SELECT
        number, paths, number > 0 AS sbi,
        10000 * CASE stage WHEN 'working' THEN 1 WHEN 'stopped' THEN 2 + (status = 'FAILED') ELSE 0 END
            + 1000 * held
            + 100 * (waits_for IS 'need' OR EXISTS (
                SELECT 1 FROM need AS n JOIN sbi AS s ON s.number = n.needs
                WHERE n.sbi = sbi.number AND s.status <> 'DONE'
            ))
            + 10 * coalesce(not_before BETWEEN :now + 1 AND :now + :wait_most, 0)
                * CASE reason WHEN 'broken_base' THEN 2 WHEN 'pull_request' THEN 3 ELSE 1 END
            + coalesce(number = :next, 0) AS state,
        CASE
            WHEN 'INTEGRATING' IN (status, coalesce(stopped_in, '')) THEN 'merge'
            WHEN 'REVIEWING' IN (status, coalesce(stopped_in, '')) THEN 'review' || reviewer
            WHEN number < 0 THEN 'decompose' || agent
            ELSE agent
        END AS agents
    FROM sbi WHERE stage <> 'ended' AND lease_token IS NULL
)
GROUP BY state, agents, tested
ORDER BY first
