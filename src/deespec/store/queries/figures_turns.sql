SELECT
    CASE :mark
        WHEN 'agent' THEN agent
        WHEN 'account' THEN account
        WHEN 'model' THEN coalesce(model, '')
        WHEN 'step' THEN step
        WHEN 'item' THEN {id:sbi}
        WHEN 'turn' THEN {id:sbi} || '/' || number
        WHEN 'pbi' THEN iif(sbi < 0, {id:sbi}, coalesce((SELECT parent FROM sbi WHERE sbi.number = turn.sbi), ''))
        WHEN 'day' THEN date(finished_at / 1000, 'unixepoch', 'localtime')
        ELSE ''
    END AS key,
    count(*)
FROM turn
WHERE finished_at >= :since
GROUP BY key
