INSERT INTO spend
    (token, sbi, turn, step, agent, account, model, session, tokens_in, tokens_cached, tokens_out, cost_usd, metered, at)
VALUES
    (:token, :sbi, :turn, :step, :agent, :account, :model, :session, :tokens_in, :tokens_cached, :tokens_out, :cost_usd,
     :metered, :at)
ON CONFLICT (token) DO NOTHING
