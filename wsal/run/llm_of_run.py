"""The language model's settings in a run that exists."""

from pathlib import Path

from wsal.building import construct
from wsal.errors import ConfigError
from wsal.json_files import read_json_object
from wsal.llm.settings import LLMSettings
from wsal.run.stage_table import CONFIG


def llm_of_run(run_dir: Path) -> LLMSettings:
    """The settings of a run's language model.

    Raises:
        ConfigError: the run has none.
    """
    node = read_json_object(run_dir / CONFIG, "run this run's command again").get("llm") or {}
    settings: LLMSettings = construct(LLMSettings, node, "llm")
    if settings.url is None:
        raise ConfigError(
            f"{run_dir} has no language model (llm=none); name one with the same command as "
            "before, for example: wsal prepare llm=local llm.model=NAME llm.url=URL, where URL is "
            "the address of an OpenAI-compatible server such as http://127.0.0.1:8080/v1"
        )
    return settings
