SELECT tree FROM turn WHERE tree IS NOT NULL ORDER BY finished_at DESC, token DESC LIMIT 1
