DELETE FROM call WHERE token = :token
