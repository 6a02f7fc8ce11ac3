SELECT 'wrong', id, id || ' has the parent ' || parent || ', which '
    || CASE WHEN parent GLOB 'PBI-[1-9]*' OR parent GLOB 'EPIC-[1-9]*' THEN 'is not there' ELSE 'cannot be one' END
FROM (
    SELECT {id:number} AS id, parent FROM sbi
    WHERE number > 0 AND parent IS NOT NULL
        AND parent NOT IN (SELECT 'PBI-' || number FROM pbi UNION ALL SELECT 'EPIC-' || number FROM epic)
    UNION ALL
    SELECT 'PBI-' || number, parent FROM pbi
    WHERE parent IS NOT NULL AND parent NOT IN (SELECT 'EPIC-' || number FROM epic)
)
