UPDATE draft
SET title = :title, spec = :spec, status = :status, reason = :reason, registered = :registered,
    decided_by = :decided_by, decided_at = :decided_at, updated_at = :updated_at
WHERE parent = :parent AND number = :number AND status = 'open'
