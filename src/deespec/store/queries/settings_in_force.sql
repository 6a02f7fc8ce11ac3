SELECT
    (SELECT journal_mode FROM pragma_journal_mode),
    (SELECT CASE synchronous WHEN 0 THEN 'OFF' WHEN 1 THEN 'NORMAL' WHEN 2 THEN 'FULL' ELSE 'EXTRA' END
        FROM pragma_synchronous),
    (SELECT foreign_keys FROM pragma_foreign_keys),
    (SELECT fullfsync FROM pragma_fullfsync),
    (SELECT application_id FROM pragma_application_id),
    (SELECT user_version FROM pragma_user_version)
