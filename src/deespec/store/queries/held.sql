SELECT number FROM sbi WHERE number > 0 AND held = 1 AND stage <> 'ended' ORDER BY number
