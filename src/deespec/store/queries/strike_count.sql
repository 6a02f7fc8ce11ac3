SELECT count(*) FROM agent_strike WHERE account = :account AND agent = :agent AND code = :code
