UPDATE draft
SET title = :title, spec = :spec, status = :status, reason = :reason, registered = :registered, labels = :labels,
    paths = :paths, needs = :needs, estimate_hours = :estimate_hours, only_implement = :only_implement,
    replaces = :replaces, edited = :edited, hold = :hold,
    decided_by = :decided_by, decided_at = :decided_at, updated_at = :updated_at
WHERE parent = :parent AND number = :number AND status IN ('open', 'waiting')
