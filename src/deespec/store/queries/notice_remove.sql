DELETE FROM notice WHERE name = :name
