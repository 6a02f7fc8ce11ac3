-- The SBIs below a PBI or EPIC, and whether each is archived.
SELECT number, EXISTS (SELECT 1 FROM archived AS a WHERE a.kind = 'SBI' AND a.number = sbi.number)
FROM sbi
WHERE parent IN (SELECT :parent UNION ALL SELECT 'PBI-' || p.number FROM pbi AS p WHERE p.parent = :parent) AND +number > 0
ORDER BY number
