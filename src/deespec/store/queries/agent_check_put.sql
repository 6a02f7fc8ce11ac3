INSERT INTO agent_check (kind, version, host, result, at) VALUES (:kind, :version, :host, :result, :at)
ON CONFLICT (kind, version, host) DO UPDATE SET result = excluded.result, at = excluded.at
