-- The first implement turn and the first review of each item since it was last started anew. (By its end, so that the
-- index of that is read, and not the long texts of all turns.)
SELECT sbi, step, outcome, finished_at, only_implement
FROM (
    SELECT
        t.sbi, t.number, t.step, t.outcome, t.finished_at, s.only_implement,
        row_number() OVER (PARTITION BY +t.sbi, t.step ORDER BY t.number) AS nth
    FROM turn AS t JOIN sbi AS s ON s.number = t.sbi
    WHERE t.finished_at >= 0 AND t.number > s.turns_reset AND t.step IN ('implement', 'review')
)
WHERE nth = 1
ORDER BY sbi, number
