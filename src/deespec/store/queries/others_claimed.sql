SELECT 1 FROM journal
WHERE seq > coalesce((SELECT max(seq) FROM journal WHERE item = :item AND event IN ('claimed', 'resumed')), 0)
    AND item <> :item AND event IN ('claimed', 'resumed')
LIMIT 1
