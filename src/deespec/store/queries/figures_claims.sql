-- Where claims begin and where they end, from an entry on. What a turn asks, weighs or drafts is written between the two.
-- With what reaches into that time: the beginnings that nothing had ended before, and the first of each item afterwards.
WITH
    kind(event) AS (SELECT value FROM json_each(:begins) UNION ALL SELECT value FROM json_each(:ends)),
    start(seq) AS (SELECT max(:seq, ifnull(min(seq), 9223372036854775807)) FROM journal WHERE at >= :since)
SELECT at, event, item, actor, agent, step, turn
FROM (
    SELECT max(seq) AS seq, at, event, item, actor, agent, step, turn
    FROM journal
    WHERE seq >= :seq AND seq < (SELECT seq FROM start) AND item IS NOT NULL AND event IN (SELECT event FROM kind)
    GROUP BY item
    HAVING event IN (SELECT value FROM json_each(:begins))
    UNION ALL
    SELECT seq, at, event, item, actor, agent, step, turn
    FROM journal
    WHERE seq >= (SELECT seq FROM start) AND at <= :until AND item IS NOT NULL AND event IN (SELECT event FROM kind)
    UNION ALL
    SELECT min(seq), at, event, item, actor, agent, step, turn
    FROM journal
    WHERE seq >= (SELECT seq FROM start) AND at > :until AND item IS NOT NULL AND event IN (SELECT event FROM kind)
    GROUP BY item
)
ORDER BY seq
