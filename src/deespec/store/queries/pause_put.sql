INSERT INTO agent_pause (account, agent, reason, message, until_at, since_at, by_person)
VALUES (:account, :agent, :reason, :message, :until_at, :now, :by_person)
ON CONFLICT (account) DO UPDATE SET
    agent = excluded.agent, reason = excluded.reason, message = excluded.message, until_at = excluded.until_at,
    since_at = excluded.since_at, by_person = excluded.by_person
WHERE until_at <= :now OR (since_at > :now + :slack AND NOT by_person) OR (until_at IS NOT NULL AND (excluded.until_at IS NULL OR excluded.until_at > until_at))
