WITH
used (name, most, what) AS (
    SELECT 'sbi', max(number), {id:max(number)} || ' is there' FROM sbi WHERE number > 0
    UNION ALL SELECT 'pbi', max(number), 'PBI-' || max(number) || ' is there' FROM pbi
    UNION ALL SELECT 'epic', max(number), 'EPIC-' || max(number) || ' is there' FROM epic
    UNION ALL
    SELECT lower(kind), max(number), kind || '-' || max(number) || ' was registered' FROM (
        SELECT substr(item, 1, instr(item, '-') - 1) AS kind, CAST(substr(item, instr(item, '-') + 1) AS INTEGER) AS number
        FROM journal WHERE event = 'registered'
    ) GROUP BY kind
    UNION ALL
    SELECT 'token', max(token), 'claim ' || max(token) || ' was given' FROM (
        SELECT max(lease_token) AS token FROM sbi WHERE lease_token IS NOT NULL
        UNION ALL SELECT max(token) FROM turn
        UNION ALL SELECT max(token) FROM call
        UNION ALL SELECT max(token) FROM answer
        UNION ALL SELECT max(token) FROM spend
    )
    UNION ALL
    SELECT 'starts', max(refused_starts), 'an item was refused at start ' || max(refused_starts)
    FROM sbi WHERE refused_starts IS NOT NULL
)
SELECT 'wrong', NULL,
    'the counter ' || u.name || ' stands at ' || coalesce(c.value, 0) || ', but ' || u.what || ': numbers would come twice'
FROM used AS u LEFT JOIN counter AS c USING (name)
GROUP BY u.name HAVING max(u.most) > coalesce(c.value, 0)
