DELETE FROM archived WHERE kind = :kind AND number IN (SELECT value FROM json_each(:numbers)) RETURNING number
