SELECT {JournalEntry} FROM journal
WHERE item = :item AND seq > :after AND seq < :before AND (:event IS NULL OR event = :event)
    AND (:actor IS NULL OR instr(lower(actor), lower(:actor)) > 0) AND (:since IS NULL OR at >= :since)
ORDER BY seq DESC LIMIT :limit
