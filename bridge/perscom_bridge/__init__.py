"""The ready-made service: events from PERSCOM become chat messages. Start with ``perscom-bridge --help``."""
