DELETE FROM agent_pause
WHERE only_agent = :agent OR (only_agent = '' AND (agent = :agent OR account = :account))
