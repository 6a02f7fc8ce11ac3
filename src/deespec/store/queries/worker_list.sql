SELECT {Worker} FROM worker ORDER BY started_at, uid
