SELECT
    coalesce(sum(cost_usd), 0.0), coalesce(max(cost_usd), 0.0),
    CAST(total(coalesce(tokens_in, 0.0) + coalesce(tokens_out, 0)) AS INTEGER),
    CAST(coalesce(max(coalesce(tokens_in, 0.0) + coalesce(tokens_out, 0)), 0) AS INTEGER)
FROM spend
WHERE sbi = :number AND metered
    AND token >= coalesce((SELECT from_token FROM allowance WHERE allowance.sbi = :number), 0)
