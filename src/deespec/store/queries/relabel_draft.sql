UPDATE draft SET labels = :labels, updated_at = :now WHERE parent = :parent AND number = :number
