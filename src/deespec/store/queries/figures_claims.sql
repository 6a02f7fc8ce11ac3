-- Where claims begin and where they end, from an entry on. What a turn asks, weighs or drafts is written between the two.
SELECT at, event, item, actor, agent, step, turn
FROM journal
WHERE seq >= :seq AND at <= :until AND item IS NOT NULL
    AND event IN (SELECT value FROM json_each(:events))
ORDER BY seq
