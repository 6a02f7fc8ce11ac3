SELECT {Epic} FROM epic WHERE number = :number
