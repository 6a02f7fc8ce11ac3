UPDATE sbi SET waits_on = NULL, waits_for = NULL, refused_at = NULL, refused_starts = NULL WHERE number = :number
