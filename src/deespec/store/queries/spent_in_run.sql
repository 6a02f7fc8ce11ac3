SELECT coalesce(sum(cost_usd), 0.0), coalesce(max(cost_usd), 0.0) FROM spend WHERE worker = :worker AND metered
