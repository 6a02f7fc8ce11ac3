-- Who waits for whose paths; whether they overlap, only the program knows.
SELECT s.number, s.paths, o.number, o.paths
FROM sbi AS s JOIN sbi AS o ON o.number = s.waits_on
WHERE s.waits_for = 'paths' AND s.paths <> '[]' AND o.paths <> '[]'
    AND json_valid(s.paths) AND json_valid(o.paths)
    AND s.waits_on NOT IN (SELECT number FROM releasing)
