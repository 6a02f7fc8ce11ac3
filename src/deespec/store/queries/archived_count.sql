SELECT count(*) FROM archived WHERE kind = :kind
