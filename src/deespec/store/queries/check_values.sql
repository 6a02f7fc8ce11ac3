WITH
list (id, name, value) AS (
    SELECT 'SBI-' || number, 'labels', labels FROM sbi WHERE labels <> '[]'
    UNION ALL SELECT 'SBI-' || number, 'paths', paths FROM sbi WHERE paths <> '[]'
    UNION ALL SELECT 'SBI-' || number, 'agent', agent FROM sbi WHERE agent <> '[]'
    UNION ALL SELECT 'SBI-' || number, 'reviewer', reviewer FROM sbi WHERE reviewer <> '[]'
    UNION ALL SELECT 'SBI-' || number, 'checks', checks FROM sbi WHERE checks <> '[]'
    UNION ALL SELECT 'PBI-' || number, 'labels', labels FROM pbi WHERE labels <> '[]'
    UNION ALL SELECT 'EPIC-' || number, 'labels', labels FROM epic WHERE labels <> '[]'
    UNION ALL SELECT 'SBI-' || sbi, 'turn ' || number || ' findings', findings FROM turn WHERE findings <> '[]'
)
SELECT 'wrong', id, id || ' ' || name || ' cannot be read: ' || substr(value, 1, 60)
FROM list
WHERE CASE WHEN NOT json_valid(value) THEN 1 WHEN json_type(value) <> 'array' THEN 1
    ELSE EXISTS (SELECT 1 FROM json_each(value) AS one WHERE one.type <> 'text') END
UNION ALL
SELECT 'wrong', 'SBI-' || sbi, 'SBI-' || sbi || ' turn ' || number || ' was a step that does not exist: ' || step
FROM turn WHERE step NOT IN ('prepare', 'implement', 'review', 'resolve', 'integrate')
UNION ALL
SELECT 'wrong', 'SBI-' || number, 'SBI-' || number || ' is ' || status || ' and stopped in ' || stopped_in
FROM sbi WHERE stopped_in NOT IN ('PICKED', 'IMPLEMENTING', 'REVIEWING', 'RESOLVING', 'INTEGRATING')
UNION ALL
SELECT 'wrong', NULL, 'the backlog does not know its ' || name
FROM (SELECT 'uid' AS name UNION ALL SELECT 'epoch' UNION ALL SELECT 'created_at')
WHERE name NOT IN (SELECT name FROM meta)
