WITH
item (id, status) AS MATERIALIZED (
    SELECT {id:number}, status FROM sbi WHERE number > 0
    UNION ALL SELECT 'PBI-' || number, status FROM pbi
    UNION ALL SELECT 'EPIC-' || number, status FROM epic
),
registered (id, times) AS MATERIALIZED (
    SELECT item, count(*) FROM journal WHERE event = 'registered' AND item IS NOT NULL GROUP BY item
),
deleted (id) AS MATERIALIZED (
    SELECT DISTINCT item FROM journal WHERE event = 'deleted' AND item IS NOT NULL
),
ended (sbi, turn) AS MATERIALIZED (
    SELECT DISTINCT {number:item}, turn FROM journal
    WHERE elapsed_ms IS NOT NULL AND (item GLOB 'SBI-[1-9]*' OR item GLOB 'PBI-[1-9]*')
),
move (id, seq, came_from, led_to, before, is_last) AS MATERIALIZED (
    SELECT item, seq, from_status, to_status, lag(to_status) OVER own, lead(seq) OVER own IS NULL
    FROM journal WHERE item IS NOT NULL AND to_status IS NOT NULL
    WINDOW own AS (PARTITION BY item ORDER BY seq)
)
SELECT 'lost' AS severity, NULL AS id,
    CASE seq - before WHEN 2 THEN 'entry ' || (before + 1) || ' of the journal is'
        ELSE 'entries ' || (before + 1) || ' to ' || (seq - 1) || ' of the journal are' END || ' not there' AS text
FROM (SELECT seq, at, lag(seq, 1, 0) OVER (ORDER BY seq) AS before FROM journal) AS later
WHERE seq <> before + 1 AND NOT EXISTS ( -- A restore goes on above what the replaced database had; its entry is its last.
    SELECT 1 FROM journal AS r WHERE r.event = 'restored' AND r.seq >= later.seq AND r.at = later.at
)
UNION ALL
SELECT 'lost', NULL, 'the journal ends at entry ' || last || ', and entry ' || seq || ' was written'
FROM (SELECT seq, coalesce((SELECT max(seq) FROM journal), 0) AS last FROM sqlite_sequence WHERE name = 'journal')
WHERE seq > last
UNION ALL
SELECT 'wrong', {id:t.sbi}, {id:t.sbi} || ' has turn ' || t.number || ', which is not in the journal'
FROM turn AS t WHERE (t.sbi, t.number) NOT IN (SELECT sbi, turn FROM ended)
UNION ALL
SELECT 'lost', {id:e.sbi}, {id:e.sbi} || ' has ended turn ' || e.turn || ' in the journal, and it is not recorded'
FROM ended AS e LEFT JOIN turn AS t ON t.sbi = e.sbi AND t.number = e.turn
WHERE t.number IS NULL AND NOT (e.sbi < 0 AND {id:e.sbi} IN (SELECT id FROM deleted)) -- with which they went
UNION ALL
SELECT 'wrong', i.id, i.id || ' is ' || i.status || ', but its last move in the journal (' || m.seq || ') led to ' || m.led_to
FROM item AS i JOIN move AS m ON m.id = i.id AND m.is_last WHERE m.led_to <> i.status
UNION ALL
SELECT 'wrong', id, id || ' was ' || before || ' in the journal, and its next move (' || seq || ') began at ' || came_from
FROM move WHERE came_from <> before
UNION ALL
SELECT 'wrong', i.id, i.id || ' is not in the journal'
FROM item AS i LEFT JOIN registered AS r USING (id) WHERE r.id IS NULL
UNION ALL
SELECT 'wrong', id, id || ' was registered ' || times || ' times' FROM registered WHERE times > 1
UNION ALL
SELECT 'lost', id, id || ' was registered and not deleted, and is not there'
FROM (SELECT id FROM registered EXCEPT SELECT id FROM item EXCEPT SELECT id FROM deleted)
UNION ALL
SELECT 'wrong', id, id || ' was deleted, and is there' FROM deleted JOIN item USING (id)
UNION ALL
SELECT 'wrong', item, item || ' was never registered, and the journal tells of it (' || min(seq) || ')'
FROM journal
WHERE item IS NOT NULL AND item NOT IN (SELECT id FROM registered) AND item NOT IN (SELECT id FROM item)
GROUP BY item
