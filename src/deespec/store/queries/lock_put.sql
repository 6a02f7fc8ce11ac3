INSERT INTO lock (name, owner, token, host, pid, boot, acquired_at, expires_at, expires_boot)
VALUES (:name, nullif(:owner, ''), :token, :host, :pid, :boot, :acquired_at, :expires_at, :expires_boot)
ON CONFLICT (name) DO UPDATE SET
    owner = excluded.owner, token = max(token, excluded.token), host = excluded.host, pid = excluded.pid,
    boot = excluded.boot, acquired_at = excluded.acquired_at, expires_at = excluded.expires_at,
    expires_boot = excluded.expires_boot
