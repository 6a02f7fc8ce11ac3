DELETE FROM epic WHERE number = :number
