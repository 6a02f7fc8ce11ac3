-- Those of a PBI, or of the PBIs below an EPIC; first those that nobody has decided.
SELECT {Draft} FROM draft
WHERE parent = :group OR parent IN (SELECT 'PBI-' || number FROM pbi WHERE pbi.parent = :group)
ORDER BY status NOT IN ('open', 'waiting'), created_at, parent, number
LIMIT :limit
