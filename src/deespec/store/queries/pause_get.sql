SELECT tries, CASE WHEN until_at IS NULL OR (until_at > :now AND (by_person OR since_at <= :now + :slack)) THEN coalesce(until_at, :for_ever) END
FROM agent_pause WHERE account = :account AND only_agent = ''
