INSERT INTO journal
    (at, actor, item, event, from_status, to_status, turn, step, agent, decision, elapsed_ms, error, detail)
VALUES
    (:at, :actor, :item, :event, :from_status, :to_status, :turn, :step, :agent, :decision, :elapsed_ms, :error, :detail)
