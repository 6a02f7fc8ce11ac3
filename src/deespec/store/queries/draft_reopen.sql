UPDATE draft
SET status = 'open', reason = NULL, hold = 0, decided_by = NULL, decided_at = NULL, updated_at = :now
WHERE parent = :parent AND number = :number AND status IN ('waiting', 'rejected')
