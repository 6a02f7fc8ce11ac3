SELECT coalesce(model, ''), agent
FROM spend
WHERE at >= :since AND metered AND cost_usd IS NULL AND coalesce(tokens_in, tokens_out) IS NOT NULL
GROUP BY 1, 2
ORDER BY 1, 2
