DELETE FROM agent_strike WHERE account = :account
