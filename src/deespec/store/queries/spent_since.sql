SELECT coalesce(sum(cost_usd), 0.0), coalesce(max(cost_usd), 0.0), coalesce(sum(cost_usd IS NULL), 0) FROM spend WHERE at >= :since AND metered
