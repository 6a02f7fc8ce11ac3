SELECT 'wrong', {id:i.sbi}, {id:i.sbi} || ' is ' || s.status || ', and a ' || i.kind || ' of it is recorded as under way'
FROM integration AS i JOIN sbi AS s ON s.number = i.sbi
WHERE (i.kind = 'merge' AND s.status NOT IN ('INTEGRATING', 'PARKED', 'FAILED')) OR (i.kind = 'undo' AND s.status <> 'DONE')
UNION ALL
SELECT 'wrong', {id:m.sbi}, {id:m.sbi} || ' is ' || s.status || ', and its last merge into ' || m.target || ' was not taken back'
FROM merge AS m JOIN sbi AS s ON s.number = m.sbi
WHERE m.number = (SELECT max(number) FROM merge AS n WHERE n.sbi = m.sbi) AND m.kind = 'merge' AND s.status <> 'DONE'
UNION ALL
SELECT 'wrong', {id:m.sbi}, {id:m.sbi} || ' was merged twice without being taken back in between'
FROM merge AS m JOIN merge AS n ON n.sbi = m.sbi
    AND n.number = (SELECT max(number) FROM merge AS o WHERE o.sbi = m.sbi AND o.number < m.number)
WHERE m.kind = n.kind
