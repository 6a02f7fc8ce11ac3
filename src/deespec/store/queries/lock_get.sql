SELECT {Lock} FROM lock WHERE name = :name AND owner IS NOT NULL
