-- Sums of REAL: those of INTEGER fail where they pass 2^63.
SELECT
    CAST(sum(tokens_in + 0.0) AS INTEGER), CAST(sum(tokens_cached + 0.0) AS INTEGER),
    CAST(sum(tokens_out + 0.0) AS INTEGER), sum(cost_usd)
FROM spend WHERE session = :session AND sbi = :number
