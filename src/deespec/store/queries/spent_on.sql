SELECT coalesce(sum(cost_usd), 0.0), coalesce(max(cost_usd), 0.0) FROM turn WHERE sbi = :number AND metered = 1
