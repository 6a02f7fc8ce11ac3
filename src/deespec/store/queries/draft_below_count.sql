SELECT status IN ('open', 'waiting'), count(*) FROM draft
WHERE parent = :group OR parent IN (SELECT 'PBI-' || number FROM pbi WHERE pbi.parent = :group)
GROUP BY 1
