"""From a dotted name to the class or rule that it names; only trusted modules are imported."""

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
RENAMED = {
    "wsal.annotation.terminal.Terminal": {"again": "recheck"},
    "wsal.web.annotator.Web": {"again": "recheck"},
}
"""Former names of settings of a component."""
REMOVED = ("bald.Bald", "bald.PowerBald", "cal.Cal", "k_center.KCenter", "probcover.ProbCover")
"""Query strategies that wsal no longer has."""


def find(target: str, key: str, trusted: Sequence[str]) -> Any:  # noqa: ANN401  whatever has a name
    """The object with this name.

    Args:
        target: the dotted name, such as `wsal.rules.patterns.Keyword`.
        key: the key of the configuration that names it, for messages.
        trusted: prefixes of the modules that may be imported.

    Raises:
        ConfigError: the name is not trusted, does not exist, or its module cannot be imported.
    """
    target = MOVED.get(target, target)
    if target.removeprefix("wsal.active.") in REMOVED:
        raise ConfigError(f"{key}: {target} was removed in wsal 0.3; use another query strategy")
    allowed = tuple(prefix if prefix.endswith(".") else f"{prefix}." for prefix in trusted)
    if not target.startswith(allowed):
        raise ConfigError(
            f"{key} would import {target!r}, but only {', '.join(allowed)} is trusted (to trust "
            "code of your own, add trusted=[my_module] to the command)"
        )
    module, _, name = target.rpartition(".")
    imported = _imported(module, target, key)
    if not hasattr(imported, name):
        own = [n for n, v in vars(imported).items() if n[:1] != "_" and _is_defined_in(v, module)]
        raise ConfigError(f"{key}: module {module} has no {name!r}{did_you_mean(name, own)}")
    value = getattr(imported, name)
    # A trusted module may have imported a class of another module, which is not trusted by that.
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
            f"{key}: there is no module {module!r}, which `_target_: {target}` names"
        ) from error
    except Exception as error:  # whatever a user's module does while it is imported
        raise ConfigError(f"{key}: {_failed(module, error)}") from error


def _is_defined_in(value: Any, module: str) -> bool:  # noqa: ANN401
    """Whether the module defines it, rather than imports it."""
    if inspect.isclass(value) or inspect.isfunction(value):
        return value.__module__ == module
    return type(value).__module__ == "wsal.rules.functions"  # a rule, made by a decorator


def _failed(module: str, error: Exception) -> str:
    """Why a module cannot be imported, with file and line."""
    if isinstance(error, SyntaxError):
        return f"{error.filename}, line {error.lineno}: {error.msg}: {(error.text or '').strip()}"
    frames = traceback.extract_tb(error.__traceback__)
    name = module.rpartition(".")[2]
    in_module = [frame for frame in frames if Path(frame.filename).stem == name]
    last = (in_module or list(frames))[-1]
    return f"{last.filename}, line {last.lineno}: {type(error).__name__}: {error} (in: {last.line})"
