"""The commands of ``perscom-bridge``, a module each. A module imports what it needs inside, so that ``--help`` is fast."""
