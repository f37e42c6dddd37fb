"""The control process of a session, and the template its workers are forked from."""
