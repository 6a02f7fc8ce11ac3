WITH RECURSIVE way (number, path) AS (
    SELECT needs, json_array(sbi, needs) FROM need WHERE sbi = :number
    UNION
    SELECT n.needs, json_insert(way.path, '$[#]', n.needs)
    FROM way JOIN need AS n ON n.sbi = way.number
    WHERE way.number <> :number
        AND NOT EXISTS (SELECT 1 FROM json_each(way.path) AS seen WHERE seen.key > 0 AND seen.value = n.needs)
)
SELECT path FROM way WHERE number = :number LIMIT 1
