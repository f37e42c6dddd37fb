"""Pi by throwing dots at a square, in blocks."""
