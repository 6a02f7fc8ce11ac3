-- Who waits for whose paths, declared or touched; whether they overlap, only the program knows.
SELECT s.number, s.paths, o.number, o.paths, coalesce(w.touched, '[]')
FROM sbi AS s JOIN sbi AS o ON o.number = s.waits_on LEFT JOIN work AS w ON w.sbi = o.number
WHERE s.waits_for = 'paths' AND s.paths <> '[]' AND o.paths <> '[]'
    AND json_valid(s.paths) AND json_valid(o.paths)
    AND s.waits_on NOT IN (SELECT number FROM releasing)
