"""Every error that Cuvee raises on purpose; each subclasses a built-in, so callers need not import them."""

import difflib
from collections.abc import Iterable

__all__ = [
    "BundleError",
    "ConfigError",
    "DataError",
    "LanguageModelError",
    "ServiceError",
    "UnknownNameError",
    "nearest",
    "unknown",
]


class DataError(ValueError):
    """The input data cannot be used as it is; the message names the file, the row or the field, and the way out."""


class ConfigError(ValueError):
    """A recipe or a parameter is not valid."""

    at: int | None = None
    """Where in a condition, in characters from its start; None: not about one place."""


class BundleError(ValueError):
    """A folder is not a bundle that this version can load."""


class LanguageModelError(RuntimeError):
    """A language model did not answer, or not as it was asked to."""


class ServiceError(ConnectionError):
    """A service did not do what it was asked."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        """HTTP status; 0 where it could not be reached."""


class UnknownNameError(LookupError):
    """A component, a modality, a weights name or an id does not exist."""

    at: int | None = None
    """Where in a condition, in characters from its start; None: not about one place."""


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name most like `name`, or None when none is close; a YAML key may be a number or `true`."""
    found = difflib.get_close_matches(str(name), list(known), n=1, cutoff=0.5)
    return found[0] if found else None


def unknown(what: str, name: str, known: Iterable[str]) -> str:
    """Word the message for an unknown name: it suggests the nearest known one and lists some others."""
    names = sorted(known)
    close = nearest(name, names)
    hint = f"; did you mean {close!r}?" if close else ""
    listed = ", ".join(names[:20]) + (", ..." if len(names) > 20 else "")
    return f"unknown {what} {name!r}{hint} (known: {listed or 'none'})"
