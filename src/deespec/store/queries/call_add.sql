INSERT INTO call (token, sbi, worker, boot, outbox) VALUES (:token, :sbi, :worker, :boot, :outbox)
