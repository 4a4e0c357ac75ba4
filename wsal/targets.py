"""From a dotted name to the class, or the rule, that it stands for; only trusted code is run."""

import inspect
import traceback
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from wsal.errors import ConfigError, did_you_mean

MOVED = {
    "wsal.active.annotators.File": "wsal.annotation.annotators.File",
    "wsal.active.annotators.Oracle": "wsal.annotation.annotators.Oracle",
    "wsal.active.label_studio.LabelStudio": "wsal.annotation.label_studio.LabelStudio",
    "wsal.data.files.TableFile": "wsal.data.table_file.TableFile",
    "wsal.export.exporters.Onnx": "wsal.export.onnx.Onnx",
    "wsal.export.exporters.OnnxFp16": "wsal.export.onnx_rounded.OnnxFp16",
    "wsal.export.exporters.OnnxInt8": "wsal.export.onnx_rounded.OnnxInt8",
    "wsal.export.exporters.OpenVino": "wsal.export.openvino.OpenVino",
    "wsal.export.exporters.TorchExport": "wsal.export.torch_export.TorchExport",
    "wsal.export.exporters.Triton": "wsal.export.triton.Triton",
    "wsal.web.terminal.Terminal": "wsal.annotation.terminal.Terminal",
}
"""Former names of components, for configuration files written for earlier versions."""


def find(target: str, key: str, trusted: Sequence[str]) -> Any:  # noqa: ANN401  whatever has a name
    """What a module has under this name.

    Args:
        target: the dotted name, as in `wsal.rules.patterns.Keyword`.
        key: where in the configuration it stands, for messages.
        trusted: prefixes of names whose modules may be imported.

    Raises:
        ConfigError: the name is not trusted, is not there, or its module cannot be imported.
    """
    target = MOVED.get(target, target)
    allowed = tuple(prefix if prefix.endswith(".") else f"{prefix}." for prefix in trusted)
    if not target.startswith(allowed):
        raise ConfigError(
            f"{key} would import {target!r}; trusted are {', '.join(allowed)} "
            "(to trust code of your own: trusted=[my_module] on the command line)"
        )
    module, _, name = target.rpartition(".")
    found = _imported(module, target, key)
    if not hasattr(found, name):
        own = [n for n, v in vars(found).items() if n[:1] != "_" and _is_of(v, module)]
        raise ConfigError(f"{key}: module {module} has no {name!r}{did_you_mean(name, own)}")
    value = getattr(found, name)
    if inspect.isclass(value) and not f"{value.__module__}.".startswith(allowed):
        raise ConfigError(f"{key}: {target} is {value.__module__}.{name}, which is not trusted")
    return value


def _imported(module: str, target: str, key: str) -> Any:  # noqa: ANN401  a module
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if error.name and not module.startswith(error.name):
            raise ConfigError(f"{key}: {_failed(module, error)}") from error
        raise ConfigError(
            f"{key}: there is no module {module!r} for _target_ {target!r}"
        ) from error
    except Exception as error:  # whatever a user's module does while it is imported
        raise ConfigError(f"{key}: {_failed(module, error)}") from error


def _is_of(value: Any, module: str) -> bool:  # noqa: ANN401
    """Whether the module made it rather than imported it."""
    if inspect.isclass(value) or inspect.isfunction(value):
        return value.__module__ == module
    return type(value).__module__ == "wsal.rules.functions"  # made by a decorator


def _failed(module: str, error: Exception) -> str:
    """Why a module cannot be imported: file, line, what stands there."""
    if isinstance(error, SyntaxError):
        return f"{error.filename}, line {error.lineno}: {error.msg}: {(error.text or '').strip()}"
    frames = traceback.extract_tb(error.__traceback__)
    of_module = [one for one in frames if Path(one.filename).stem == module.rpartition(".")[2]]
    at = (of_module or list(frames))[-1]
    return f"{at.filename}, line {at.lineno}: {type(error).__name__}: {error} (in: {at.line})"
