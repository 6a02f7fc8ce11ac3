DELETE FROM releasing WHERE number = :number
