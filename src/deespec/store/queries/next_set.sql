INSERT INTO meta (name, value) VALUES ('next', :number), ('next_for', :worker), ('next_agents', :agents)
ON CONFLICT (name) DO UPDATE SET value = excluded.value
