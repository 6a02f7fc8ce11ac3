SELECT {Draft} FROM draft
WHERE :parent IS NULL OR parent = :parent
ORDER BY created_at, parent, number
