"""Progress bars and log lines: the command line shows them, a library is silent."""

import logging
import sys

import fork_server
import pytest

from wsal.progress import bar, install_console_output, progress_shown, show_progress


def work():
    """Ten units of work with a bar."""
    with bar("count", 10, "texts") as advance:
        for _ in range(10):
            advance(1)


@pytest.fixture
def terminal(monkeypatch):
    """Standard error passes for a terminal."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")


@pytest.mark.usefixtures("terminal")
def test_a_bar_is_shown_only_if_asked_for(capsys):
    show_progress.set(False)  # the default, which a command in this process may have changed
    work()
    with progress_shown(shown=False):
        work()
    assert capsys.readouterr().err == ""
    with progress_shown():
        work()
    shown = capsys.readouterr().err
    assert "count" in shown
    assert "10/10" in shown


def test_no_bar_where_there_is_no_terminal(capsys):
    with progress_shown():
        work()
    assert capsys.readouterr().err == ""


@pytest.fixture
def logger():
    """The logger of wsal, as it was before afterwards."""
    logger = logging.getLogger("wsal")
    before = logger.handlers, logger.level, logger.propagate
    yield logger
    logger.handlers, logger.level, logger.propagate = before


def test_the_command_line_writes_log_lines_to_stderr_once(logger, capsys):
    with progress_shown(shown=False):
        install_console_output()
        install_console_output()
    logging.getLogger("wsal.files.table").warning("note: %s", "a.csv is odd")
    assert capsys.readouterr() == ("", "note: a.csv is odd\n")
    assert len(logger.handlers) == 1


@pytest.mark.slow
def test_notes_on_files_are_shown_by_commands(tmp_path):
    rows = "".join(f"caf\u00e9 {i},{'ab'[i % 2]}\n" for i in range(20))
    (tmp_path / "x.csv").write_bytes(f"title,kind\n{rows}".encode("cp1252"))
    code = "import sys; from wsal.cli import main; main()"
    arguments = ["prepare", "data=csv", "data.path=x.csv", "data.layout.text=[title]"]
    done = fork_server.run(
        [sys.executable, "-c", code, *arguments, "data.layout.label=kind", "name=t"],
        cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stderr.startswith("note: x.csv is not UTF-8; it was read as cp1252")
    assert done.stderr.count("\n") == 1


@pytest.mark.slow
def test_a_bar_is_shown_in_a_notebook():
    nbformat = pytest.importorskip("nbformat")
    client = pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    source = (
        "from wsal.progress import bar, progress_shown\n"
        "with progress_shown(), bar('count', 10, 'texts') as advance:\n    advance(10)\n"
        "with bar('hidden', 10, 'texts') as advance:\n    advance(10)"
    )
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
    client.NotebookClient(notebook, kernel_name="python3").execute()
    shown = str(notebook.cells[0].outputs)
    assert "count" in shown
    assert "10/10" in shown
    assert "hidden" not in shown
    assert "ipywidgets" not in shown
