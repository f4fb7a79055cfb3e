"""Runs a notebook on the tables of an archive, and compares its outputs with those that it was saved with.

Arguments: the notebook, the folder of a user id's tables, and the file to write the notebook to as it is now. Output (JSON): the
notebook's `answers`, and the ids of the cells whose outputs differ.
"""

import base64
import json
import os
import pathlib
import shutil
import sys
import tempfile

import duckdb_extension_delta
import nbclient
import nbformat
from matplotlib.testing.compare import compare_images

# In levels of 255, as root mean square: fonts and processors differ by less, and a wrong bar by more.
TOLERANCE = 2


def install_extension(home):
    """Puts DuckDB's extension where `INSTALL` finds it: there is no server to fetch it from."""
    [file] = pathlib.Path(duckdb_extension_delta.__path__[0]).rglob("delta.duckdb_extension")
    platform = "linux_amd64"
    folder = home / ".duckdb/extensions" / file.parent.name / platform
    folder.mkdir(parents=True)
    (folder / file.name).symlink_to(file)


def run(notebook, tables, folder):
    """Runs all cells, and returns the variable `answers`."""
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    [parameters] = [cell for cell in cells if "parameters" in cell.metadata.get("tags", [])]
    saved = parameters.source
    parameters.source = f"tables = {str(tables)!r}"
    asking = nbformat.v4.new_code_cell("import json; print(json.dumps(answers))")
    notebook.cells.append(asking)
    nbclient.NotebookClient(notebook, timeout=120, coalesce_streams=True, resources={"metadata": {"path": folder}}).execute()
    parameters.source = saved
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1)), "a cell did not run"
    notebook.cells.remove(asking)
    return json.loads(asking.outputs[0].text)


def differ(one, other, folder):
    """Whether the outputs of two cells differ. Pictures may, by a little."""
    (texts, pictures), (other_texts, other_pictures) = parts(one), parts(other)
    if texts != other_texts or len(pictures) != len(other_pictures):
        return True
    for at, pair in enumerate(zip(pictures, other_pictures)):
        files = [folder / f"{at}-{name}.png" for name in ("saved", "now")]
        for file, picture in zip(files, pair):
            file.write_bytes(base64.b64decode(picture))
        if compare_images(*files, tol=TOLERANCE):
            return True
    return False


def parts(cell):
    """The texts and the pictures of a cell's outputs."""
    texts, pictures = [], []
    for output in cell.outputs:
        texts.append(output.get("text"))
        for of_type, data in output.get("data", {}).items():
            (pictures if of_type == "image/png" else texts).append(data)
    return texts, pictures


def main():
    file, tables, now = map(pathlib.Path, sys.argv[1:])
    saved, notebook = (nbformat.read(file, as_version=4) for _ in range(2))
    home = pathlib.Path(tempfile.mkdtemp())
    os.environ.update(HOME=str(home), IPYTHONDIR=str(home), MPLCONFIGDIR=str(home))
    install_extension(home)
    answers = run(notebook, tables, file.parent)
    for cell in notebook.cells:
        # The times of the run.
        cell.metadata.pop("execution", None)
    notebook.metadata = saved.metadata
    now.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, now)
    pairs = ((cell, other) for cell, other in zip(saved.cells, notebook.cells) if cell.cell_type == "code")
    different = [cell.id for cell, other in pairs if differ(cell, other, home)]
    shutil.rmtree(home)
    json.dump({"answers": answers, "different": different}, sys.stdout)


main()
