WITH
item (id, status) AS MATERIALIZED (
    SELECT 'SBI-' || number, status FROM sbi
    UNION ALL SELECT 'PBI-' || number, status FROM pbi
    UNION ALL SELECT 'EPIC-' || number, status FROM epic
),
registered (id, times) AS MATERIALIZED (
    SELECT item, count(*) FROM journal WHERE event = 'registered' GROUP BY item
),
move (id, seq, came_from, led_to, before, is_last) AS MATERIALIZED (
    SELECT item, seq, from_status, to_status, lag(to_status) OVER own, lead(seq) OVER own IS NULL
    FROM journal WHERE item IS NOT NULL AND to_status IS NOT NULL
    WINDOW own AS (PARTITION BY item ORDER BY seq)
)
SELECT 'SBI-' || s.number || ' has ended ' || s.turn || ' turns, but ' || count(t.number) || ' are recorded'
FROM sbi AS s LEFT JOIN turn AS t ON t.sbi = s.number
GROUP BY s.number HAVING count(t.number) <> s.turn OR coalesce(max(t.number), 0) <> s.turn
UNION ALL
SELECT 'SBI-' || t.sbi || ' has turn ' || t.number || ', which is not in the journal'
FROM turn AS t WHERE NOT EXISTS (
    SELECT 1 FROM journal WHERE item = 'SBI-' || t.sbi AND turn = t.number AND elapsed_ms IS NOT NULL
)
UNION ALL
SELECT 'SBI-' || number || ' is ' || status || ' and has a live claim'
FROM sbi WHERE lease_token IS NOT NULL AND stage <> 'working'
UNION ALL
SELECT i.id || ' is ' || i.status || ', but its last move in the journal (' || m.seq || ') led to ' || m.led_to
FROM item AS i JOIN move AS m ON m.id = i.id AND m.is_last WHERE m.led_to <> i.status
UNION ALL
SELECT id || ' was ' || before || ' in the journal, and its next move (' || seq || ') began at ' || came_from
FROM move WHERE came_from <> before
UNION ALL
SELECT i.id || ' is not in the journal' FROM item AS i LEFT JOIN registered AS r USING (id) WHERE r.id IS NULL
UNION ALL
SELECT id || ' was registered ' || times || ' times' FROM registered WHERE times > 1
UNION ALL
SELECT id || ' was registered and not deleted, and is not there'
FROM (SELECT id FROM registered EXCEPT SELECT id FROM item) AS gone
WHERE NOT EXISTS (SELECT 1 FROM journal WHERE item = gone.id AND event = 'deleted')
