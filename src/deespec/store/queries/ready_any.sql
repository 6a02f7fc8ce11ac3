SELECT 1 FROM sbi
WHERE stage = 'pending' AND waits_on IS NULL AND held = 0 AND agent = :agent AND {scope}
LIMIT 1
