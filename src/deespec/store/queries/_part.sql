CASE
    WHEN stage = 'stopped' THEN 'asking'
    WHEN status = 'INTEGRATING' THEN 'merging'
    WHEN stage = 'working' THEN 'working'
    WHEN held = 1 THEN 'held'
    WHEN waits_on IS NOT NULL THEN 'barred'
    ELSE 'ready'
END
