SELECT {Work} FROM work ORDER BY sbi
