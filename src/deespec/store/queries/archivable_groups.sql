-- DONE groups of which nothing would be left in lists once these SBIs are archived.
WITH
shown (number, parent) AS (
    SELECT number, parent FROM sbi
    WHERE parent IS NOT NULL AND number NOT IN (SELECT value FROM json_each(:numbers))
        AND NOT EXISTS (SELECT 1 FROM archived WHERE kind = 'SBI' AND archived.number = sbi.number)
        AND (number > 0 OR stage <> 'ended')
),
done_pbi (number) AS MATERIALIZED (
    SELECT number FROM pbi
    WHERE status = 'DONE' AND NOT EXISTS (SELECT 1 FROM shown WHERE parent = 'PBI-' || pbi.number)
        AND NOT EXISTS (SELECT 1 FROM archived WHERE kind = 'PBI' AND archived.number = pbi.number)
)
SELECT 'PBI', number FROM done_pbi
UNION ALL
SELECT 'EPIC', number FROM epic
WHERE status = 'DONE' AND NOT EXISTS (SELECT 1 FROM shown WHERE parent = 'EPIC-' || epic.number)
    AND NOT EXISTS (
        SELECT 1 FROM pbi WHERE parent = 'EPIC-' || epic.number AND number NOT IN (SELECT number FROM done_pbi)
            AND NOT EXISTS (SELECT 1 FROM archived WHERE kind = 'PBI' AND archived.number = pbi.number)
    )
    AND NOT EXISTS (SELECT 1 FROM archived WHERE kind = 'EPIC' AND archived.number = epic.number)
