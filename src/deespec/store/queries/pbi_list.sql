SELECT {Pbi} FROM pbi ORDER BY number
