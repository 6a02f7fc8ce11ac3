UPDATE pbi SET status = :status, updated_at = :now WHERE number = :number
