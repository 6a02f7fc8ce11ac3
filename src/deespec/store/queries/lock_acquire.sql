INSERT INTO lock (name, owner, token, host, pid, boot, acquired_at, expires_at, expires_boot)
VALUES (:name, :owner, :now * 1000, :host, :pid, :boot, :now, :expires_at, :expires_boot)
ON CONFLICT (name) DO UPDATE SET
    owner = excluded.owner, token = token + 1, host = excluded.host, pid = excluded.pid, boot = excluded.boot,
    acquired_at = excluded.acquired_at, expires_at = excluded.expires_at, expires_boot = excluded.expires_boot
WHERE owner IS NULL OR owner = excluded.owner OR boot <> excluded.boot OR expires_boot <= :boot_ms
RETURNING token
