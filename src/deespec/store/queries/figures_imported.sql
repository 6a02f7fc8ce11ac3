-- Items that came in with an end of before: when that was, which is not when they came.
SELECT s.number, s.finished_at
FROM journal AS j JOIN sbi AS s ON s.number = CAST(substr(j.item, 5) AS INTEGER)
WHERE j.event = 'imported' AND j.item GLOB 'SBI-[1-9]*' AND j.to_status = s.status AND s.finished_at < j.at
