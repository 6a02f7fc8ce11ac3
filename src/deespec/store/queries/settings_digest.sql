SELECT detail FROM journal WHERE event = 'settings_changed' ORDER BY seq DESC LIMIT 1
