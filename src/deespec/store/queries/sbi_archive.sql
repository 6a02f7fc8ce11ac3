INSERT INTO archived (kind, number, status, at)
SELECT 'SBI', number, status, :at
FROM sbi
WHERE number IN (SELECT value FROM json_each(:numbers)) AND stage = 'ended'
ON CONFLICT DO NOTHING
RETURNING number
