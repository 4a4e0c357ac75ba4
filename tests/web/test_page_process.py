"""The page's own process starts in whatever folder the user works in, or says that it does not."""

import pytest

from wsal.errors import AnnotationError
from wsal.sockets import listening_socket
from wsal.web import page_process


@pytest.fixture
def start(tmp_path, monkeypatch):
    """A function that starts the page of an empty run, and ends it."""
    monkeypatch.chdir(tmp_path)
    settings = page_process.PageSettings(str(tmp_path), {"t": ""}, {}, 0.0, 0.0, 0.0, 300.0, 0)

    def serve():
        listening = listening_socket("127.0.0.1", 0, "")
        with page_process.page_process(settings, listening) as say_over:
            say_over("done")

    return serve


def test_modules_are_not_taken_from_the_users_folder(start, tmp_path):
    for name in ("secrets", "wsal", "asyncio"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('a file of the user')")
    start()


def test_a_page_that_ends_at_once_is_reported(start, monkeypatch):
    monkeypatch.setattr(page_process, "PROGRAM", "raise SystemExit('no page')")
    with pytest.raises(AnnotationError, match="the page does not start"):
        start()
