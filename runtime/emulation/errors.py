"""What goes wrong in emulation."""


class EmulationError(Exception):
    """Something is missing or failed; the message says what to do."""
