SELECT kind, number FROM archived WHERE at = (SELECT max(at) FROM archived)
