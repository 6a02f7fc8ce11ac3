UPDATE worker SET seen_at = :now, state = :state WHERE uid = :uid
