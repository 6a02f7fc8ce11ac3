SELECT {JournalEntry} FROM journal WHERE seq > :after ORDER BY seq DESC LIMIT :limit
