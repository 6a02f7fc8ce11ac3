-- The item, all that it needs and all that needs it, over any number of steps. UNION ends in a circle, too.
WITH RECURSIVE
before (number) AS (
    SELECT :number
    UNION
    SELECT need.needs FROM before JOIN need ON need.sbi = before.number
),
after (number) AS (
    SELECT :number
    UNION
    SELECT need.sbi FROM after JOIN need ON need.needs = after.number
)
SELECT number FROM before UNION SELECT number FROM after ORDER BY number
