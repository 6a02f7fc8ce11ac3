INSERT INTO releasing (number) VALUES (:number) ON CONFLICT DO NOTHING
