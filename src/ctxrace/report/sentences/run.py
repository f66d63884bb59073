"""How long an interleaving is, in words."""

__all__ = ["run_length"]


def run_length(switches: int, events: int) -> str:
    """Return the numbers of switches and events."""
    return f"{switches:,} switch{'' if switches == 1 else 'es'}, {events:,} event{'' if events == 1 else 's'}"
