SELECT {JournalEntry} FROM journal WHERE item = :item AND seq > :after ORDER BY seq LIMIT :limit
