SELECT 1 FROM epic WHERE number = :number
