SELECT {Draft} FROM draft
WHERE status IN ('open', 'waiting') AND (:parent IS NULL OR parent = :parent)
ORDER BY created_at, parent, number
