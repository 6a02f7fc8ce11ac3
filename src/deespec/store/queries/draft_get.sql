SELECT {Draft} FROM draft WHERE parent = :parent AND number = :number
