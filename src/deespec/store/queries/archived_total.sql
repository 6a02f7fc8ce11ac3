SELECT
    (SELECT count(*) FROM archived AS a JOIN sbi USING (number) WHERE a.kind = 'SBI' AND {scope})
    + (SELECT count(*) FROM archived AS a JOIN pbi USING (number) WHERE a.kind = 'PBI' AND {scope})
    + (
        SELECT count(*)
        FROM archived AS a JOIN (SELECT epic.*, NULL AS parent FROM epic) USING (number)
        WHERE a.kind = 'EPIC' AND {scope}
    )
