SELECT {Pbi} FROM pbi WHERE number = :number
