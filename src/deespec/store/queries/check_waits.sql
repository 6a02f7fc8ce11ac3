SELECT 'wrong', {id:number}, {id:number} || ' waits for '
    || CASE waits_for WHEN 'need' THEN '' ELSE 'the paths of ' END || {id:other} || ', which '
    || CASE WHEN found IS NULL THEN 'is not there'
        WHEN waits_for = 'need' AND NOT needed THEN 'it does not need'
        ELSE 'is ' || found || ' and bars nobody' END
FROM (
    SELECT s.number, s.waits_for, s.waits_on AS other, o.status AS found, o.stage,
        EXISTS (SELECT 1 FROM need AS n WHERE n.sbi = s.number AND n.needs = s.waits_on) AS needed
    FROM sbi AS s LEFT JOIN sbi AS o ON o.number = s.waits_on
    WHERE s.waits_on IS NOT NULL AND s.waits_on NOT IN (SELECT number FROM releasing)
)
WHERE CASE waits_for
    WHEN 'need' THEN NOT needed OR found IS NULL OR found = 'DONE'
    ELSE found IS NULL OR stage <> 'working'
        AND other NOT IN (SELECT CAST(value AS INTEGER) FROM meta WHERE name = 'next') END
