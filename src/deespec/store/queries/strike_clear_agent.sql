DELETE FROM agent_strike
WHERE account IN (SELECT account FROM agent_pause WHERE agent = :agent)
