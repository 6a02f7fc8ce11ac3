SELECT {Sbi} FROM {with_needs} WHERE number > :after ORDER BY number LIMIT :limit
