"""The log: standard error, and nothing of anyone's code in it."""

import logging


def set_up_logging(level: str) -> None:
    """Log at ``level`` and above. pygls stays silent whatever the level: it logs the bodies of messages."""
    logging.basicConfig(level=level.upper(), format="slipstream lsp: %(levelname)s: %(name)s: %(message)s")
    logging.getLogger("pygls").setLevel(logging.CRITICAL)
