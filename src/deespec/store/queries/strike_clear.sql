DELETE FROM agent_strike WHERE account = :account AND agent = :agent
