SELECT {Notice} FROM notice ORDER BY at, name
