SELECT {JournalEntry} FROM journal WHERE item = :item AND seq > :after AND (:event IS NULL OR event = :event)
ORDER BY seq DESC LIMIT :limit
