DELETE FROM meta WHERE name = 'next' AND value = :number
