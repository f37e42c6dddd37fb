"""Plain data that every part shares: options, resources, ids, configuration. No I/O."""
