UPDATE lock SET expires_at = :expires_at, expires_boot = :expires_boot
WHERE name = :name AND token = :token AND owner IS NOT NULL
