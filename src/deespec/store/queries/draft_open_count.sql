SELECT count(*) FROM draft WHERE status = 'open'
