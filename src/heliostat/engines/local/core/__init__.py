"""Decisions: pure state machines without sockets, clocks, threads or randomness."""
