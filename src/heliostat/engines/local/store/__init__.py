"""Where values live: encoding, shared-memory segments, and their allocator."""
