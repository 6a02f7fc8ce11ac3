-- The needs of these items, and the needs for them.
SELECT sbi, needs FROM need WHERE sbi IN (SELECT value FROM json_each(:numbers))
UNION
SELECT sbi, needs FROM need WHERE needs IN (SELECT value FROM json_each(:numbers))
ORDER BY sbi, needs
