SELECT min(not_before) FROM sbi
WHERE stage = 'working' AND lease_token IS NULL AND held = 0 AND not_before BETWEEN :now + 1 AND :now + :wait_most
    AND {scope}
