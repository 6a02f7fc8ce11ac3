INSERT INTO meta (name, value) VALUES ('next', :number) ON CONFLICT (name) DO UPDATE SET value = excluded.value
