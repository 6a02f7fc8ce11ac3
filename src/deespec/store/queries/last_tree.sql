SELECT tree FROM turn WHERE tree IS NOT NULL AND sbi > 0 ORDER BY finished_at DESC, token DESC LIMIT 1
