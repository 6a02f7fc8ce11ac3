SELECT account, until_at FROM agent_pause WHERE until_at IS NULL OR until_at > :now
