SELECT {Spend} FROM spend WHERE token > :after ORDER BY token LIMIT :limit
