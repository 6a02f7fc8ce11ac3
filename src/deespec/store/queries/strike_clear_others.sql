DELETE FROM agent_strike WHERE account = :account AND code <> :code
