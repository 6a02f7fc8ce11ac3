SELECT {Draft} FROM draft
WHERE status = 'open' AND (:parent IS NULL OR parent = :parent)
ORDER BY created_at, parent, number
