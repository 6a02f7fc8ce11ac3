UPDATE sbi SET refused_at = :at, refused_starts = :starts WHERE number = :number AND refused_at IS NULL
