WITH wanted (uid) AS MATERIALIZED (SELECT value FROM json_each(:uids))
SELECT uid, {id:number} FROM sbi JOIN wanted USING (uid) WHERE number > 0
UNION ALL SELECT uid, 'PBI-' || number FROM pbi JOIN wanted USING (uid)
UNION ALL SELECT uid, 'EPIC-' || number FROM epic JOIN wanted USING (uid)
