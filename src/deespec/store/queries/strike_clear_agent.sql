DELETE FROM agent_strike WHERE account = :agent OR account LIKE :agent || '@%'
