SELECT max(seq) FROM journal
