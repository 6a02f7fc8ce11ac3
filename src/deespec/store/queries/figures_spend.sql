-- What calls have used, by one of their marks. What a subscription's client calls its cost stands apart: nobody pays it.
SELECT
    CASE :mark
        WHEN 'agent' THEN agent
        WHEN 'account' THEN account
        WHEN 'model' THEN coalesce(model, '')
        WHEN 'step' THEN step
        WHEN 'item' THEN 'SBI-' || sbi
        WHEN 'turn' THEN 'SBI-' || sbi || '/' || turn
        WHEN 'pbi' THEN coalesce((SELECT parent FROM sbi WHERE sbi.number = spend.sbi), '')
        WHEN 'day' THEN date(at / 1000, 'unixepoch', 'localtime')
        ELSE ''
    END AS key,
    count(*),
    count(DISTINCT sbi),
    sum(tokens_in),
    sum(tokens_cached),
    sum(tokens_out),
    sum(CASE WHEN metered THEN cost_usd END),
    coalesce(sum(CASE WHEN NOT metered THEN coalesce(tokens_in, 0) + coalesce(tokens_out, 0) END), 0),
    sum(CASE WHEN NOT metered THEN cost_usd END),
    sum(metered AND cost_usd IS NULL AND coalesce(tokens_in, tokens_out) IS NOT NULL),
    coalesce(sum(CASE WHEN metered AND cost_usd IS NULL THEN coalesce(tokens_in, 0) + coalesce(tokens_out, 0) END), 0),
    sum(coalesce(tokens_in, tokens_out, cost_usd) IS NULL)
FROM spend
WHERE at >= :since AND (:worker IS NULL OR worker = :worker)
GROUP BY key
