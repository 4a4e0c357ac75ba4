"""Libraries that come with an extra, such as `pip install "wsal[review]"`."""

from importlib.util import find_spec

from wsal.errors import ConfigError


def require(module: str, extra: str, why: str) -> None:
    """Make sure that a library is installed; call it just before the import.

    Args:
        module: the library as it is imported.
        extra: the extra of wsal that installs it.
        why: what needs it, for the message; for example the setting that asked for it.

    Raises:
        ConfigError: it is not installed; names the extra to install.

    >>> require("no_such_library", extra="review", why="wsal review")
    Traceback (most recent call last):
    wsal.errors.ConfigError: wsal review needs no_such_library; install it: pip install "wsal[review]"
    """  # noqa: E501
    if find_spec(module) is None:
        raise ConfigError(f'{why} needs {module}; install it: pip install "wsal[{extra}]"')
