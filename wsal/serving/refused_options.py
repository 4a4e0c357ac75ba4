"""Options of `wsal predict` that do not work are refused before any work starts."""

from wsal.errors import ConfigError
from wsal.serving.backends import Model
from wsal.serving.chunk_texts import PredictOptions
from wsal.serving.sources import Source


def refuse_options(model: Model, source: Source, options: PredictOptions) -> None:
    """Check that options go with the model, the input and each other.

    Raises:
        ConfigError: some do not.
    """
    n_classes = len(model.exported.labels)
    if model.exported.multilabel and (options.cascade or options.top > 1 or options.summary):
        raise ConfigError(
            "the model names all classes of a text that reach their thresholds, so --top, "
            "--cascade and --summary do not go with it; leave them out"
        )
    if not 1 <= options.top <= n_classes:
        raise ConfigError(
            f"--top is {options.top}; expected 1 to {n_classes}, the number of classes"
        )
    if options.cascade and options.top > 1:
        raise ConfigError("--cascade gives one class for each text; leave out --top")
    if options.cascade and source.is_stream:
        raise ConfigError(
            "--cascade reads the input twice, which standard input does not allow; write it to a "
            "file first"
        )
    if not 0 < options.agreement < 1:
        raise ConfigError(f"--agreement is {options.agreement}; expected a number between 0 and 1")
