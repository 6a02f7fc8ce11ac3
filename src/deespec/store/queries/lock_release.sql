UPDATE lock SET owner = NULL WHERE name = :name AND token = :token AND owner IS NOT NULL
