SELECT DISTINCT parent FROM pbi WHERE parent IS NOT NULL AND number IN (SELECT value FROM json_each(:numbers))
