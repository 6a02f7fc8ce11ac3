DELETE FROM pbi WHERE number = :number
