"""Engines: what runs a program's tasks and actors. ``base`` is the contract they fulfil."""
