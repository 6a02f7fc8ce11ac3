UPDATE sbi SET
    (title, spec, priority, labels, held, rank) = (
        SELECT title, spec, priority, labels, held,
            CASE priority WHEN 'urgent' THEN 0 WHEN 'high' THEN 1 WHEN 'normal' THEN 2 ELSE 3 END
        FROM pbi WHERE number = :number
    )
WHERE number = :decomposition
