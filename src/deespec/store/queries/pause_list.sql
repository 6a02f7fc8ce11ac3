SELECT {AgentPause} FROM agent_pause WHERE until_at IS NULL OR (until_at > :now AND (by_person OR since_at <= :now + :slack)) ORDER BY agent, account, only_agent
