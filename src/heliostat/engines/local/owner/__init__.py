"""What every process that submits work has: its session with the head and its peers."""
