INSERT INTO archived (kind, number, status, at)
SELECT 'EPIC', number, status, :at
FROM epic
WHERE number IN (SELECT value FROM json_each(:numbers)) AND status = 'DONE' AND NOT EXISTS (
    SELECT 1 FROM sbi WHERE parent = 'EPIC-' || epic.number
        AND NOT EXISTS (SELECT 1 FROM archived WHERE kind = 'SBI' AND archived.number = sbi.number)
) AND NOT EXISTS (
    SELECT 1 FROM pbi WHERE parent = 'EPIC-' || epic.number
        AND NOT EXISTS (SELECT 1 FROM archived WHERE kind = 'PBI' AND archived.number = pbi.number)
)
ON CONFLICT DO NOTHING
RETURNING number
