WITH
moment (id, what, at) AS (
    SELECT {id:number}, 'was registered', registered_at FROM sbi
    UNION ALL SELECT {id:number}, 'was changed', updated_at FROM sbi
    UNION ALL SELECT {id:number}, 'began', started_at FROM sbi WHERE started_at IS NOT NULL
    UNION ALL SELECT {id:number}, 'ended', finished_at FROM sbi WHERE finished_at IS NOT NULL
    UNION ALL SELECT {id:number}, 'was claimed', lease_at FROM sbi WHERE lease_at IS NOT NULL
    UNION ALL SELECT 'PBI-' || number, 'was changed', updated_at FROM pbi
    UNION ALL SELECT 'EPIC-' || number, 'was changed', updated_at FROM epic
    UNION ALL SELECT {id:sbi}, 'ended turn ' || number, finished_at FROM turn
)
SELECT 'note', id, id || ' ' || what || ' at ' || coalesce(strftime('%Y-%m-%dT%H:%M:%SZ', at / 1000, 'unixepoch'), at)
    || ', which is still to come: a clock was wrong'
FROM moment WHERE at > :now + :slack
UNION ALL
SELECT 'note', {id:sbi}, {id:sbi} || ' turn ' || number || ' ended before it began: a clock was set back'
FROM turn WHERE finished_at < started_at
UNION ALL
SELECT 'wrong', {id:number}, {id:number} || ' is not taken before '
    || coalesce(strftime('%Y-%m-%dT%H:%M:%SZ', not_before / 1000, 'unixepoch'), not_before)
FROM sbi WHERE stage = 'working' AND not_before > :now + :slack
UNION ALL
SELECT 'note', item, 'entry ' || seq || ' of the journal is '
    || CASE WHEN at > :now + :slack THEN 'from a time still to come: a clock was wrong'
        ELSE (before - at) / 1000 || ' s older than the one before it: a clock was set back' END
FROM (SELECT seq, item, actor, at, lag(at) OVER (ORDER BY seq) AS before FROM journal)
WHERE at > :now + :slack OR (at < before - :step AND actor <> 'legacy' -- who brings the past along
    AND NOT EXISTS (
        SELECT 1 FROM meta, json_each(meta.value) AS past
        WHERE meta.name = 'past entries' AND seq BETWEEN past.value ->> 0 AND past.value ->> 1
    ))
