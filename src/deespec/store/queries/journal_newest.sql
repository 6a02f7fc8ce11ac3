SELECT {JournalEntry} FROM journal WHERE seq > :after AND (:event IS NULL OR event = :event)
ORDER BY seq DESC LIMIT :limit
