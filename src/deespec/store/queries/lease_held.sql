SELECT lease_token FROM sbi WHERE number = :number
