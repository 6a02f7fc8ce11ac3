SELECT
    CASE WHEN count(t.number) < s.turn THEN 'lost' ELSE 'wrong' END, {id:s.number},
    {id:s.number} || ' has ended ' || s.turn || ' turns, but ' || count(t.number) || ' are recorded'
        || CASE WHEN count(t.number) = s.turn THEN ', the last of them as ' || max(t.number) ELSE '' END
FROM sbi AS s LEFT JOIN turn AS t ON t.sbi = s.number
GROUP BY s.number HAVING count(t.number) <> s.turn OR coalesce(max(t.number), 0) <> s.turn
UNION ALL
SELECT 'lost', {id:sbi}, {id:sbi} || ' is not there, and ' || count(*) || ' turns of it are recorded'
FROM turn WHERE sbi NOT IN (SELECT number FROM sbi)
GROUP BY sbi
