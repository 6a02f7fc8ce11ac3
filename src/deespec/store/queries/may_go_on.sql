-- Stuck: what waits for a person, what needs such an item, and what waits for its paths. A held item that is worked on goes on to its turn's end.
WITH RECURSIVE stuck (number) AS (
    SELECT number FROM sbi
    WHERE stage = 'stopped' OR status = 'CANCELLED' OR (held = 1 AND stage <> 'ended' AND lease_token IS NULL)
        OR (stage = 'working' AND lease_token IS NULL AND not_before IS NOT NULL
            AND reason IN ('broken_base', 'pull_request', 'target_taken'))
    UNION
    SELECT n.sbi FROM stuck JOIN need AS n ON n.needs = stuck.number
    UNION
    SELECT w.number FROM stuck JOIN sbi AS w ON w.waits_on = stuck.number
)
SELECT 1 FROM sbi
WHERE stage <> 'ended' AND {scope} AND (lease_token IS NOT NULL OR number NOT IN (SELECT number FROM stuck))
LIMIT 1
