-- What items went through, and what workers and agents did meanwhile, in order; NULL for what a kind of event has not.
SELECT
    at, event,
    CASE WHEN item IS NOT NULL THEN CAST(substr(item, 5) AS INTEGER) END,
    to_status,
    CASE WHEN event IN ('claimed', 'resumed', 'agent_paused', 'agent_resumed') THEN agent END,
    CASE
        WHEN event IN ('worker_started', 'worker_stopped') THEN substr(actor, 8)
        WHEN event = 'worker_died' THEN detail
    END,
    CASE WHEN event IN ('claimed', 'resumed', 'released', 'agent_paused', 'worker_started') THEN detail END
FROM journal
WHERE (item IS NULL AND event IN ('worker_started', 'worker_stopped', 'worker_died', 'agent_paused', 'agent_resumed')
        OR item GLOB 'SBI-[1-9]*' AND (to_status IS NOT NULL OR event IN ('claimed', 'held', 'unheld', 'revoked', 'deleted')))
    AND event <> 'workspace_ready'
ORDER BY seq
