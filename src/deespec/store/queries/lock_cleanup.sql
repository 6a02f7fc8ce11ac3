UPDATE lock SET owner = NULL WHERE owner IS NOT NULL AND (boot <> :boot OR expires_boot <= :boot_ms)
