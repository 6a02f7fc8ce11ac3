SELECT {Epic} FROM epic ORDER BY number
