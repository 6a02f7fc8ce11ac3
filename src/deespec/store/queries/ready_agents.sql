WITH RECURSIVE names (agent) AS (
    SELECT min(agent) FROM sbi WHERE stage = 'pending' AND waits_on IS NULL AND held = 0
    UNION ALL
    SELECT (SELECT min(agent) FROM sbi WHERE stage = 'pending' AND waits_on IS NULL AND held = 0 AND agent > names.agent)
    FROM names WHERE names.agent IS NOT NULL
)
SELECT agent FROM names WHERE agent IS NOT NULL
