"""Code as what it does: a syntax tree of JSON values, the same for every version of Python.

Comments and layout are no part of it.
"""

import ast
from typing import Any


def without_imports(source: str) -> Any:
    """The statements of a cell but for its imports, so that a module can move.

    A cell in IPython's own syntax is itself.
    """
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return source
    for node in ast.walk(tree):
        for name, value in ast.iter_fields(node):
            if isinstance(value, list):
                kept = [one for one in value if not isinstance(one, ast.Import | ast.ImportFrom)]
                setattr(node, name, kept)
    return _tree(tree)


def without_docstrings(source: str) -> Any:
    """The statements of a module but for its docstrings, so that they can be mended."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            told = ast.get_docstring(node) is not None
            node.body = node.body[told:]
    return _tree(tree)


def _tree(node: Any) -> Any:
    # What is empty is left out: versions of Python differ in it.
    if isinstance(node, list):
        return [_tree(part) for part in node]
    if isinstance(node, ast.AST):
        fields = {name: _tree(value) for name, value in ast.iter_fields(node)}
        kept = {name: value for name, value in fields.items() if value not in ("None", [])}
        return [type(node).__name__, kept]
    return repr(node)
