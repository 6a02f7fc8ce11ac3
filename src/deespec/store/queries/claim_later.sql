-- The kinds of items that wait for nothing but an agent or their time; those that wait for a person are not among them.
SELECT DISTINCT iif(number < 0, -1, 1), 0, status, stopped_in, agent, reviewer, '[]' FROM sbi
WHERE stage IN ('pending', 'asked', 'resumable', 'working') AND lease_token IS NULL AND waits_on IS NULL AND held = 0
    AND (not_before IS NULL OR coalesce(reason, '') NOT IN ('broken_base', 'pull_request', 'target_taken'))
    AND {scope}
