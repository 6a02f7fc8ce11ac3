SELECT {JournalEntry} FROM journal WHERE seq > :after ORDER BY seq LIMIT :limit
