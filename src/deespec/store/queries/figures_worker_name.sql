-- What the journal calls the worker of this uid: of one that has ended, by the entry of one of its turns.
SELECT name FROM worker WHERE uid = :uid
UNION ALL
SELECT * FROM (
    SELECT substr(j.actor, 8)
    FROM turn AS t JOIN journal AS j ON j.item = {id:t.sbi} AND j.turn = t.number
    WHERE t.worker = :uid AND j.event IN ('claimed', 'resumed') AND j.actor GLOB 'worker ?*'
    ORDER BY t.finished_at DESC, j.seq DESC LIMIT 1
)
LIMIT 1
