SELECT kind, number, at FROM archived
