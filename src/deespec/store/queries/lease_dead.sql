SELECT number, CASE WHEN lease_boot <> :boot THEN 'the machine was restarted' ELSE 'its lease was over' END
FROM sbi WHERE lease_token IS NOT NULL AND (lease_boot <> :boot OR lease_until < :now)
