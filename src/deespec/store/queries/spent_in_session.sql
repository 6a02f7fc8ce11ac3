SELECT sum(tokens_in), sum(tokens_cached), sum(tokens_out), sum(cost_usd)
FROM spend WHERE session = :session AND sbi = :number
