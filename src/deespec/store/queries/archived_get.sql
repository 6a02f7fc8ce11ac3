SELECT at FROM archived WHERE kind = :kind AND number = :number
