DELETE FROM draft WHERE parent = :parent
