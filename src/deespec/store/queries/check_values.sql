WITH
list (id, name, value) AS (
    SELECT {id:number}, 'labels', labels FROM sbi WHERE labels <> '[]'
    UNION ALL SELECT {id:number}, 'paths', paths FROM sbi WHERE paths <> '[]'
    UNION ALL SELECT {id:number}, 'agent', agent FROM sbi WHERE agent <> '[]'
    UNION ALL SELECT {id:number}, 'reviewer', reviewer FROM sbi WHERE reviewer <> '[]'
    UNION ALL SELECT {id:number}, 'checks', checks FROM sbi WHERE checks <> '[]'
    UNION ALL SELECT 'PBI-' || number, 'labels', labels FROM pbi WHERE labels <> '[]'
    UNION ALL SELECT 'EPIC-' || number, 'labels', labels FROM epic WHERE labels <> '[]'
    UNION ALL SELECT parent, 'draft ' || number || ' labels', labels FROM draft WHERE labels <> '[]'
    UNION ALL SELECT parent, 'draft ' || number || ' paths', paths FROM draft WHERE paths <> '[]'
    UNION ALL SELECT parent, 'draft ' || number || ' needs', needs FROM draft WHERE needs <> '[]'
    UNION ALL SELECT {id:sbi}, 'turn ' || number || ' findings', findings FROM turn WHERE findings <> '[]'
)
SELECT 'wrong', id, id || ' ' || name || ' cannot be read: ' || substr(value, 1, 60)
FROM list
WHERE CASE WHEN NOT json_valid(value) THEN 1 WHEN json_type(value) <> 'array' THEN 1
    ELSE EXISTS (SELECT 1 FROM json_each(list.value) AS one WHERE one.type <> 'text') END
UNION ALL
SELECT 'wrong', {id:sbi}, {id:sbi} || ' turn ' || number || ' was a step that does not exist: ' || step
FROM turn WHERE step NOT IN ('prepare', 'implement', 'review', 'resolve', 'integrate', 'decompose')
UNION ALL
SELECT 'wrong', {id:number}, {id:number} || ' is ' || status || ' and stopped in ' || stopped_in
FROM sbi WHERE CASE WHEN number < 0 THEN stopped_in NOT IN ('PICKED', 'DECOMPOSING')
    ELSE stopped_in NOT IN ('PICKED', 'IMPLEMENTING', 'REVIEWING', 'RESOLVING', 'INTEGRATING') END
UNION ALL
SELECT 'wrong', NULL, 'the backlog does not know its ' || name
FROM (SELECT 'uid' AS name UNION ALL SELECT 'epoch' UNION ALL SELECT 'created_at')
WHERE name NOT IN (SELECT name FROM meta)
