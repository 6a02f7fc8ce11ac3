-- Of a PBI: the status of its decomposition, if there was one, whether that is to go on, and how many of its drafts
-- nobody has decided.
SELECT
    (SELECT status FROM sbi WHERE number = :number),
    coalesce((SELECT resume FROM sbi WHERE number = :number), 0),
    (SELECT count(*) FROM draft WHERE parent = :parent AND status IN ('open', 'waiting'))
