SELECT number FROM sbi WHERE held = 1 AND stage <> 'ended' ORDER BY number
