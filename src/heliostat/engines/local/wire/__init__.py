"""How processes of a session talk: packets of messages over Unix sockets."""
