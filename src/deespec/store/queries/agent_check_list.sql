SELECT {AgentCheck} FROM agent_check WHERE host = :host ORDER BY at, version
