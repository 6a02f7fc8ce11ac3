SELECT account, only_agent, until_at, by_person, until_at IS NULL OR (until_at > :now AND (by_person OR since_at <= :now + :slack)) FROM agent_pause
