UPDATE sbi SET labels = :labels, updated_at = :now WHERE number = :number AND :parent IS NULL
