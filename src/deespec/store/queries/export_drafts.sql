SELECT {Draft} FROM draft WHERE (parent, number) > (:parent, :after) ORDER BY parent, number LIMIT :limit
