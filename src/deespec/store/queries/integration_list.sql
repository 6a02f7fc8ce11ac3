SELECT {Integration} FROM integration ORDER BY sbi
