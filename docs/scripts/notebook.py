"""A notebook as a page, and its execution: python docs/scripts/notebook.py runs it anew."""

import os
from pathlib import Path
from typing import Any

import nbformat

NOTEBOOK = Path(__file__).parents[1] / "tutorials" / "notebook.ipynb"


def notebook_page(path: Path) -> str:
    """The cells and their outputs, as Markdown."""
    parts = []
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "markdown":
            parts.append(cell.source)
        else:
            parts.append(f"```python\n{cell.source}\n```")
            parts += [_output(output) for output in cell.outputs]
    return "\n\n".join(parts) + "\n"


def execute(path: Path, folder: Path) -> None:
    """Run all cells in a folder, and keep their outputs in the notebook."""
    from nbclient import NotebookClient  # noqa: PLC0415  the site is built without it

    os.environ.setdefault("GOMP_SPINCOUNT", "1000")  # as commands do, for busy machines
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(
        notebook, timeout=1200, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
    ).execute()
    for cell in notebook.cells:
        cell.metadata = {}  # times of execution
        if cell.cell_type == "code":  # what libraries print names folders of this machine
            cell.outputs = [o for o in cell.outputs if o.get("name") != "stderr"]
    nbformat.write(notebook, path)


def _output(output: Any) -> str:
    if output.output_type == "stream":
        return f"```text\n{output.text}```"
    if "text/html" in output.data:
        return f'<div class="output">\n{output.data["text/html"]}\n</div>'
    return f"```text\n{output.data['text/plain']}\n```"


if __name__ == "__main__":
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as scratch:
        execute(NOTEBOOK, Path(scratch))
