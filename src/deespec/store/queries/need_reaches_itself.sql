-- What nobody needs is in no circle: a new item at the end of a long chain does not walk down all of it.
WITH RECURSIVE needed (number) AS (
    SELECT needs FROM need WHERE sbi = :number AND EXISTS (SELECT 1 FROM need WHERE needs = :number)
    UNION
    SELECT n.needs FROM needed JOIN need AS n ON n.sbi = needed.number
)
SELECT 1 FROM needed WHERE number = :number LIMIT 1
