SELECT count(*)
FROM sbi
WHERE {scope}
    AND (stage <> 'ended' OR NOT EXISTS (SELECT 1 FROM archived WHERE kind = 'SBI' AND archived.number = sbi.number))
    AND (:statuses IS NULL OR status IN (SELECT value FROM json_each(:statuses)))
    AND (:ready IS NULL OR (
        :ready = 1 AND held = 0 AND waits_on IS NULL AND lease_token IS NULL AND stage IN ('pending', 'asked', 'working', 'resumable')
        OR :ready = 0 AND waits_on IS NOT NULL
    ))
