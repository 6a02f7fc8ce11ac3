INSERT INTO archived (kind, number, status, at)
SELECT 'PBI', number, status, :at
FROM pbi
WHERE number IN (SELECT value FROM json_each(:numbers)) AND status = 'DONE' AND NOT EXISTS (
    SELECT 1 FROM sbi WHERE parent = 'PBI-' || pbi.number
        AND NOT EXISTS (SELECT 1 FROM archived WHERE kind = 'SBI' AND archived.number = sbi.number)
        AND (number > 0 OR stage <> 'ended')
)
ON CONFLICT DO NOTHING
RETURNING number
