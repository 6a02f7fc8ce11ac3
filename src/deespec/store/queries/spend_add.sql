INSERT INTO spend
    (token, sbi, turn, step, agent, account, model, session, tokens_in, tokens_cached, tokens_out, cost_usd, metered, at,
     worker)
VALUES
    (:token, :sbi, :turn, :step, :agent, :account, :model, :session, :tokens_in, :tokens_cached, :tokens_out, :cost_usd,
     :metered, :at, :worker)
ON CONFLICT (token) DO UPDATE SET
    model = excluded.model, session = excluded.session, tokens_in = excluded.tokens_in,
    tokens_cached = excluded.tokens_cached, tokens_out = excluded.tokens_out, cost_usd = excluded.cost_usd
