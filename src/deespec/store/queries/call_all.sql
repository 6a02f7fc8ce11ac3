SELECT token, sbi, worker, boot, outbox, guard_pid, guard_start, guard_namespace, guard_lock
FROM call ORDER BY token
