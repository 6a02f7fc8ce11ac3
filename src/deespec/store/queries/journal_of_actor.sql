SELECT {JournalEntry} FROM journal
WHERE seq > :after AND actor = :actor AND event IN (SELECT value FROM json_each(:events))
ORDER BY seq
