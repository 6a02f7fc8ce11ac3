-- What calls have used, by one of their marks. What a subscription's client calls its cost stands apart: nobody pays it.
-- Sums of REAL: those of INTEGER fail where they pass 2^63.
SELECT
    CASE :mark
        WHEN 'agent' THEN agent
        WHEN 'account' THEN account
        WHEN 'model' THEN coalesce(model, '')
        WHEN 'step' THEN step
        WHEN 'item' THEN {id:sbi}
        WHEN 'turn' THEN {id:sbi} || '/' || turn
        WHEN 'pbi' THEN iif(sbi < 0, {id:sbi}, coalesce((SELECT parent FROM sbi WHERE sbi.number = spend.sbi), ''))
        WHEN 'day' THEN date(at / 1000, 'unixepoch', 'localtime')
        ELSE ''
    END AS key,
    count(*),
    count(DISTINCT iif(sbi > 0, sbi, NULL)),
    CAST(sum(tokens_in + 0.0) AS INTEGER),
    CAST(sum(tokens_cached + 0.0) AS INTEGER),
    CAST(sum(tokens_out + 0.0) AS INTEGER),
    sum(CASE WHEN metered THEN cost_usd END),
    CAST(total(CASE WHEN NOT metered THEN coalesce(tokens_in, 0.0) + coalesce(tokens_out, 0) END) AS INTEGER),
    sum(CASE WHEN NOT metered THEN cost_usd END),
    sum(metered AND cost_usd IS NULL AND coalesce(tokens_in, tokens_out) IS NOT NULL),
    CAST(total(CASE WHEN metered AND cost_usd IS NULL THEN coalesce(tokens_in, 0.0) + coalesce(tokens_out, 0) END) AS INTEGER),
    sum(coalesce(tokens_in, tokens_out, cost_usd) IS NULL)
FROM spend
WHERE at >= :since AND (:worker IS NULL OR worker = :worker)
GROUP BY key
