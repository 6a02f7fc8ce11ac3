SELECT stop FROM worker WHERE uid = :uid
