-- What the decomposition of a PBI takes over from it; drafts that nobody can be asked about, or that wait for ever.
SELECT 'wrong', {id:d.number}, CASE
    WHEN p.number IS NULL THEN {id:d.number} || ' is not there, and its decomposition is'
    WHEN d.parent IS NOT {id:d.number} THEN 'the decomposition of ' || {id:d.number} || ' has the parent ' || coalesce(d.parent, 'none')
    WHEN d.uid <> p.uid THEN 'the decomposition of ' || {id:d.number} || ' has the uid ' || d.uid || ', and it ' || p.uid
    ELSE 'the decomposition of ' || {id:d.number} || ' has another title, text, priority or hold than it has' END
FROM sbi AS d LEFT JOIN pbi AS p ON p.number = d.number - {decompositions}
WHERE d.number < 0
    AND (p.number IS NULL OR d.parent IS NOT {id:d.number} OR d.uid <> p.uid
        OR (d.title, d.spec, d.priority, d.held) IS NOT (p.title, p.spec, p.priority, p.held))
UNION ALL
SELECT 'wrong', {id:number}, 'the decomposition of ' || {id:number} || ' needs SBI-' || needs
FROM sbi JOIN need ON need.sbi = sbi.number WHERE number < 0
UNION ALL
SELECT 'note', parent, parent || ' is not there, and its draft ' || parent || '/' || number || ' is'
FROM draft WHERE parent GLOB 'PBI-*' AND parent NOT IN (SELECT 'PBI-' || number FROM pbi)
UNION ALL
SELECT 'wrong', parent, 'the draft ' || parent || '/' || number || ' waits, and needs ' || need
    || ', which is neither an undecided draft nor an item'
FROM (
    SELECT d.parent, d.number, n.value AS need, instr(n.value, '/') AS slash
    FROM draft AS d, json_each(CASE WHEN json_valid(d.needs) THEN d.needs ELSE '[]' END) AS n
    WHERE d.status = 'waiting' AND n.type = 'text'
)
WHERE CASE WHEN slash > 0 THEN NOT EXISTS (
        SELECT 1 FROM draft AS o
        WHERE o.parent = substr(need, 1, slash - 1) AND o.number = CAST(substr(need, slash + 1) AS INTEGER)
            AND CASE o.status WHEN 'rejected' THEN 0
                WHEN 'approved' THEN o.registered IN (SELECT {id:number} FROM sbi) ELSE 1 END
    )
    ELSE need NOT IN (SELECT {id:number} FROM sbi UNION ALL SELECT 'PBI-' || number FROM pbi) END
