-- The item itself, if it is archived, and all that is archived below it.
WITH own (kind, number) AS (
    SELECT :kind, :number
    UNION ALL
    SELECT 'PBI', number FROM pbi WHERE parent = :kind || '-' || :number
)
SELECT a.kind, a.number FROM own JOIN archived AS a USING (kind, number)
UNION ALL
SELECT a.kind, a.number
FROM own
JOIN sbi ON sbi.parent = own.kind || '-' || own.number
JOIN archived AS a ON a.kind = 'SBI' AND a.number = sbi.number
