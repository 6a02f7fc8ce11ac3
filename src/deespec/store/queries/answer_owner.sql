SELECT lease_token, turn FROM sbi WHERE number = :number
