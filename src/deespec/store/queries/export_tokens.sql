SELECT token FROM turn UNION SELECT token FROM spend ORDER BY token
