INSERT INTO agent_pause (account, only_agent, agent, reason, message, until_at, since_at, by_person, tries)
VALUES (:account, :only_agent, :agent, :reason, :message, :until_at, :now, :by_person, :tries)
ON CONFLICT (account, only_agent) DO UPDATE SET
    agent = excluded.agent, reason = excluded.reason, message = excluded.message, until_at = excluded.until_at,
    since_at = excluded.since_at, by_person = excluded.by_person, tries = excluded.tries
WHERE until_at <= :now OR (since_at > :now + :slack AND NOT by_person) OR (by_person AND excluded.by_person)
    OR (until_at IS NOT NULL AND (excluded.until_at IS NULL OR excluded.until_at > until_at))
