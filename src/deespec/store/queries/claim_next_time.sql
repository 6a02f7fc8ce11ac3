SELECT min(not_before) FROM sbi
WHERE stage = 'working' AND lease_token IS NULL AND held = 0 AND not_before > :now AND {scope}
