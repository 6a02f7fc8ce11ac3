SELECT outcome, count(*) FROM turn WHERE finished_at >= :since GROUP BY outcome ORDER BY outcome
