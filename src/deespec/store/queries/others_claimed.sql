SELECT 1 FROM journal
WHERE seq > coalesce((
        SELECT min(seq) FROM journal WHERE item = :item AND turn = :turn AND event IN ('claimed', 'resumed')
    ), 0)
    AND item <> :item AND turn IS NOT NULL
LIMIT 1
