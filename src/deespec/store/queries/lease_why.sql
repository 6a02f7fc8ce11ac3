SELECT lease_worker, CASE
    WHEN lease_boot <> :boot THEN 'the machine was restarted'
    WHEN lease_until < :now THEN 'its lease was over' END
FROM sbi WHERE number = :number AND lease_token IS NOT NULL
