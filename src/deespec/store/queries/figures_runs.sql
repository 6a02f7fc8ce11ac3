-- What workers went through, and what ended all of them at once.
SELECT
    seq, at, event,
    CASE event WHEN 'worker_started' THEN substr(actor, 8) WHEN 'worker_stopped' THEN substr(actor, 8)
        WHEN 'worker_died' THEN detail ELSE '' END,
    CASE event WHEN 'worker_started' THEN detail END
FROM journal
WHERE item IS NULL
    AND event IN ('worker_started', 'worker_stopped', 'worker_died', 'moved', 'copied', 'restored')
ORDER BY seq
