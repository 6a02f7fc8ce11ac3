-- The gate or check that sent a turn back, as JSON has it between the quotes: gates are only run where nothing else was
-- found, and until one fails, so it is in the first finding (model/reports.py). All turns are read in their order, which is
-- faster than each by itself; where all count, their ends, which stand behind long texts, are not looked at.
SELECT CASE WHEN findings GLOB '[[]"gate *' THEN substr(findings, 3, instr(findings, ' failed:') - 3)
    ELSE substr(findings, 3, instr(findings, '` failed:') - 2) END
FROM turn
WHERE outcome = 'findings'
    AND (findings GLOB '[[]"gate * failed:*' OR findings GLOB '[[]"check `*` failed:*')
    AND (:since = 0 OR +finished_at >= :since) AND (:until IS NULL OR +finished_at <= :until)
