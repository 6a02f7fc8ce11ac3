UPDATE worker SET stop = :how WHERE uid = :uid
