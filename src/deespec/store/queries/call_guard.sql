UPDATE call SET guard_pid = :pid, guard_start = :start, guard_namespace = :namespace, guard_lock = :lock
WHERE token = :token
