SELECT {AgentPause} FROM agent_pause WHERE until_at IS NULL OR until_at > :now ORDER BY agent, account
