UPDATE epic SET status = :status, updated_at = :now WHERE number = :number
