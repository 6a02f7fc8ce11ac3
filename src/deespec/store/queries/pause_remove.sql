DELETE FROM agent_pause WHERE agent = :agent
