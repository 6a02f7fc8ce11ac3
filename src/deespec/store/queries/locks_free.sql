UPDATE lock SET owner = NULL, token = max(token, :now * 1000)
