SELECT m.value FROM sbi AS s, meta AS m WHERE s.number = :number AND s.lease_token = :token AND m.name = 'epoch'
