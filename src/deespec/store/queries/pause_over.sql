DELETE FROM agent_pause WHERE account = :account AND only_agent = '' AND until_at <= :now
