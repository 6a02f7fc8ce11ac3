INSERT INTO meta (name, value) VALUES ('next', :number), ('next_for', :worker), ('next_accounts', :accounts)
ON CONFLICT (name) DO UPDATE SET value = excluded.value
