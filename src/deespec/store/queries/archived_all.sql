SELECT kind, number FROM archived
