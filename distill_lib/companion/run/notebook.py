"""Text notebooks in, executed notebooks fit to be committed out."""

import ast
import re
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

from distill_lib.companion.errors import CompanionError, unknown
from distill_lib.companion.run.syntax import without_imports

Notebook = Any  # nbformat.NotebookNode
KERNEL = "python3"
PARAMETERS, INJECTED = "parameters", "injected-parameters"

# Harmless lines on stderr: JAX without a GPU build on a machine with a GPU, progress bars without
# widgets.
_NOISE = re.compile(
    r"An NVIDIA GPU may be present on this machine|TPU backend initialization is taking|"
    r"TqdmWarning: IProgress not found|from \.autonotebook import tqdm as notebook_tqdm"
)
_KERNEL_FILE = re.compile(r"[^\s\"'(]*/ipykernel_\d+/\d+\.py")


def source_path(root: Path, name: str) -> Path:
    """`notebooks/<name>.md`.

    Raises: CompanionError if a profile lists a notebook that does not exist.
    """
    path = root / "notebooks" / f"{name}.md"
    if not path.is_file():
        there = [source.stem for source in path.parent.glob("*.md")]
        raise CompanionError(f"notebooks/profiles.yml: {unknown('notebook', name, there)}", code=2)
    return path


def convert(path: Path) -> Notebook:
    """A text notebook as an nbformat notebook for the Python kernel.

    It has the same cell ids every time.
    """
    import jupytext

    notebook = jupytext.read(path)
    notebook.metadata.pop("jupytext", None)
    notebook.metadata.kernelspec = {
        "name": KERNEL,
        "display_name": "Python 3",
        "language": "python",
    }
    notebook.metadata.language_info = {"name": "python"}
    for index, cell in enumerate(notebook.cells):
        cell.id = f"cell-{index}"
    return notebook


def code(notebook: Notebook) -> list[Any]:
    """What an outcome depends on: the statements of each code cell.

    The injected parameters are left out. So are imports, so that a module can move, and comments
    and layout, so that they can be mended.
    """
    return [without_imports(cell.source) for cell in _code_cells(notebook.cells)]


def with_prose(executed: Notebook, source: Notebook, root: Path) -> Notebook:
    """The source's prose, captions and tags with the outputs of an execution.

    It is the execution itself if its code was another.
    """
    if code(executed) != code(source):
        return executed
    for cell, ran in zip(_code_cells(source.cells), _code_cells(executed.cells), strict=True):
        cell.outputs, cell.execution_count = ran.outputs, ran.execution_count
    injected = [cell for cell in executed.cells if _tagged(cell, INJECTED)]
    parameters = (
        index for index, cell in enumerate(source.cells, start=1) if _tagged(cell, PARAMETERS)
    )
    after = next(parameters, 0)
    source.cells[after:after] = injected
    source.metadata.update(executed.metadata)
    return tidy(source, root)


def check_parameters(name: str, notebook: Notebook, parameters: dict[str, Any]) -> None:
    """Raise CompanionError unless the notebook declares every parameter.

    They are declared in its cell tagged `parameters`.
    """
    cells = [cell for cell in notebook.cells if _tagged(cell, PARAMETERS)]
    if len(cells) != 1:
        raise CompanionError(
            f"notebooks/{name}.md has {len(cells)} cells tagged 'parameters': give it exactly one"
        )
    try:
        statements = ast.parse(cells[0].source).body
    except SyntaxError as error:
        raise CompanionError(
            f"notebooks/{name}.md: the parameters cell is not valid Python ({error.msg})"
        ) from None
    targets = [
        target
        for statement in statements
        if isinstance(statement, ast.Assign | ast.AnnAssign)
        for target in (
            statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        )
    ]
    declared = [target.id for target in targets if isinstance(target, ast.Name)]
    for parameter in parameters:
        if parameter not in declared:
            raise unknown(f"parameter of notebook {name}", parameter, declared)


def count_code_cells(notebook: Notebook) -> int:
    """How many cells will be executed, the injected parameters included."""
    return 1 + sum(
        cell.cell_type == "code" and bool(cell.source.strip()) for cell in notebook.cells
    )


def code_cell_number(notebook: Notebook, index: int) -> int:
    """Which code cell of the source stands at this index.

    Counted from 1, without the injected one.
    """
    return len(_code_cells(notebook.cells[: index + 1]))


def tidy(notebook: Notebook, root: Path) -> Notebook:
    """Strip what differs between two equal runs, and hide the parameters from the reader.

    This is done in place. The default parameters are removed from the page; the injected ones,
    which it was run with, can be unfolded.
    """
    notebook.metadata.pop("papermill", None)
    language = notebook.metadata.language_info
    notebook.metadata.language_info = {
        key: language[key] for key in ("name", "pygments_lexer") if key in language
    }
    for index, cell in enumerate(notebook.cells):
        tags = cell.metadata.get("tags", [])
        hidden = (
            ["remove-cell"] if PARAMETERS in tags else ["hide-input"] if INJECTED in tags else []
        )
        kept = {
            key: value
            for key, value in cell.metadata.items()
            if key not in ("papermill", "execution", "tags")
        }
        cell.metadata = kept | ({"tags": list(dict.fromkeys([*tags, *hidden]))} if tags else {})
        cell.id = f"cell-{index}"
        if cell.cell_type == "code":
            cell.outputs = [
                clean for output in cell.outputs if (clean := _clean(output, root)) is not None
            ]
    return notebook


def with_one_setup(notebook: Notebook) -> Notebook:
    """A page opens with one folded cell: the parameters of its run, then its imports.

    In place, where the two follow each other and show nothing.
    """
    for parameters, setup in pairwise(notebook.cells):
        if (
            _tagged(parameters, INJECTED)
            and setup.cell_type == "code"
            and _tagged(setup, "hide-input")
            and not parameters.outputs + setup.outputs
        ):
            given = parameters.source.removeprefix("# Parameters\n").strip()
            setup.source = f"# The parameters of this run\n{given}\n\n{setup.source}"
            notebook.cells.remove(parameters)
            break
    return notebook


def _code_cells(cells: list[Any]) -> list[Any]:
    """The code cells of a source, or of an execution without the injected parameters."""
    return [cell for cell in cells if cell.cell_type == "code" and not _tagged(cell, INJECTED)]


def _tagged(cell: Any, tag: str) -> bool:
    return tag in cell.metadata.get("tags", [])


def _clean(output: Notebook, root: Path) -> Notebook | None:
    """An output without harmless noise and this machine's paths; None if nothing is left."""
    if output.output_type == "stream":
        text = output.text
        if output.name == "stderr":
            text = "".join(
                line for line in text.splitlines(keepends=True) if not _NOISE.search(line)
            )
        output.text = _without_paths(text, root)
        return output if output.text.strip() else None
    if output.output_type == "error":
        output.evalue = _without_paths(output.evalue, root)
        output.traceback = [_without_paths(line, root) for line in output.traceback]
        return output
    for kind, value in output.get("data", {}).items():
        if kind.startswith("text/") and isinstance(value, str):
            output.data[kind] = _without_paths(value, root)
    return output


def _without_paths(text: str, root: Path) -> str:
    text = _KERNEL_FILE.sub("<cell>", text)
    for folder in (sys.prefix, str(root)):  # the environment first: it may lie inside the project
        text = text.replace(f"{folder}/", "").replace(folder, ".")
    return text
