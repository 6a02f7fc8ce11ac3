INSERT INTO spend
    (token, sbi, turn, step, agent, account, model, session, tokens_in, tokens_cached, tokens_out, cost_usd, metered, at,
     worker)
VALUES
    (:token, :sbi, :turn, :step, :agent, :account, :model, :session, :tokens_in, :tokens_cached, :tokens_out, :cost_usd,
     :metered, :at, :worker)
ON CONFLICT (token) DO NOTHING
