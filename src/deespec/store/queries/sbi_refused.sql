UPDATE sbi SET
    waits_on = :on, waits_for = 'paths',
    refused_at = coalesce(refused_at, :at), refused_starts = coalesce(refused_starts, :starts)
WHERE number = :number
