SELECT {Line} FROM sbi WHERE number IN (SELECT value FROM json_each(:numbers)) ORDER BY number
