WITH RECURSIVE needed (number) AS (
    SELECT needs FROM need WHERE sbi = :number
    UNION
    SELECT n.needs FROM needed JOIN need AS n ON n.sbi = needed.number
)
SELECT 1 FROM needed WHERE number = :number LIMIT 1
