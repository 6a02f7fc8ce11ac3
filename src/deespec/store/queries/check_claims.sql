WITH
live (number, status, stage, token) AS MATERIALIZED (
    SELECT number, status, stage, lease_token FROM sbi WHERE lease_token IS NOT NULL
)
SELECT 'wrong', {id:number}, {id:number} || ' is ' || status || ' and has a live claim'
FROM live WHERE stage <> 'working'
UNION ALL
SELECT 'wrong', {id:min(number)}, 'token ' || token || ' is the live claim of ' || group_concat({id:number}, ', ')
FROM live GROUP BY token HAVING count(*) > 1
UNION ALL
SELECT 'wrong', {id:l.number},
    {id:l.number} || ' has the live claim ' || l.token || ', which has ended turn ' || t.number || ' of ' || {id:t.sbi}
FROM live AS l JOIN turn AS t ON t.token = l.token
UNION ALL
SELECT 'wrong', {id:number}, {id:number} || ' has the live claim ' || token || ', whose call is not recorded'
FROM live WHERE NOT EXISTS (SELECT 1 FROM call WHERE call.token = live.token AND call.sbi = live.number)
UNION ALL
SELECT 'wrong', {id:number}, {id:number} || ' has a live claim that does not say whose it is and until when'
FROM sbi
WHERE lease_token IS NOT NULL
    AND (lease_worker IS NULL OR lease_until IS NULL OR lease_boot IS NULL OR lease_agent IS NULL
        OR lease_account IS NULL OR lease_at IS NULL)
UNION ALL
SELECT 'wrong', {id:a.sbi},
    {id:a.sbi} || ' has ended ' || s.turn || ' turns and is ' || s.status
        || ', and an answer for turn ' || a.turn || ' waits to be judged'
FROM answer AS a JOIN sbi AS s ON s.number = a.sbi
WHERE a.turn <> s.turn + 1 OR s.status = 'PENDING'
UNION ALL
SELECT 'note', {id:sbi}, {id:sbi} || ' is not there, and its answer for turn ' || turn || ' is'
FROM answer WHERE sbi NOT IN (SELECT number FROM sbi)
UNION ALL
SELECT 'note', {id:sbi}, {id:sbi} || ' is not there, and its agent call ' || token || ' is'
FROM call WHERE sbi NOT IN (SELECT number FROM sbi)
UNION ALL
SELECT 'wrong', {id:sbi}, {id:sbi} || ' has cost ' || cost_usd || ' $ with claim ' || token
FROM spend WHERE cost_usd < 0
UNION ALL
SELECT 'wrong', {id:t.sbi}, 'claim ' || t.token || ' ended a turn of ' || {id:t.sbi} || ' at the cost of ' || {id:p.sbi}
FROM spend AS p JOIN turn AS t USING (token) WHERE t.sbi <> p.sbi
UNION ALL
SELECT 'wrong', NULL, 'the pause of ' || account || ' ends before it began'
FROM agent_pause WHERE until_at < since_at
