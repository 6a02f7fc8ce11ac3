SELECT number, paths, refused_at, refused_starts FROM sbi
WHERE refused_at IS NOT NULL AND rank = :rank AND stage IN ('pending', 'resumable') AND held = 0
    AND (waits_for IS NULL OR waits_for = 'paths')
ORDER BY refused_starts, number LIMIT 1
