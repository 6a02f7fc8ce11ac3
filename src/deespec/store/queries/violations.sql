SELECT 'SBI-' || s.number || ' has ended ' || s.turn || ' turns, but ' || count(t.number) || ' are recorded'
FROM sbi AS s LEFT JOIN turn AS t ON t.sbi = s.number
GROUP BY s.number HAVING count(t.number) <> s.turn OR coalesce(max(t.number), 0) <> s.turn
UNION ALL
SELECT 'SBI-' || number || ' is ' || status || ' and has a live claim'
FROM sbi WHERE lease_token IS NOT NULL AND stage <> 'working'
UNION ALL
SELECT 'SBI-' || s.number || ' is ' || s.status || ', but its last move in the journal led to ' || j.to_status
FROM sbi AS s JOIN journal AS j ON j.seq = (
    SELECT max(seq) FROM journal WHERE item = 'SBI-' || s.number AND to_status IS NOT NULL
)
WHERE j.to_status <> s.status
UNION ALL
SELECT 'SBI-' || s.number || ' is not in the journal'
FROM sbi AS s WHERE NOT EXISTS (SELECT 1 FROM journal WHERE item = 'SBI-' || s.number AND event = 'registered')
