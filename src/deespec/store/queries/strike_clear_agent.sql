DELETE FROM agent_strike
WHERE agent = :agent OR account = :account
    OR account IN (SELECT account FROM agent_pause WHERE agent = :agent AND only_agent = '')
