SELECT 1 FROM pbi WHERE number = :number
