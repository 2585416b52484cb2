"""What a reader must hold in mind at once: length of functions, and their parameters."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = (ROOT / "biomatch", ROOT / "synthetic" / "biomatch_synthetic")
LONGEST_FUNCTION = 80
"""Lines of code: docstring, blank lines and comments left out."""
MOST_PARAMETERS = 8
"""Of a public function, those that are not keyword-only with a default."""


def functions():
    for package in PACKAGES:
        for path in sorted(package.rglob("*.py")):
            text = path.read_text(encoding="utf-8")
            for node in ast.walk(ast.parse(text)):
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                    yield path.relative_to(ROOT), node, text.splitlines()


def length(node, lines):
    """Count the lines of a function that hold code."""
    first = node.body[1] if ast.get_docstring(node) is not None and len(node.body) > 1 else node.body[0]
    header = range(node.lineno, node.body[0].lineno)
    body = range(first.lineno, node.end_lineno + 1)
    return sum(
        bool(text) and not text.startswith("#") for text in (lines[at - 1].strip() for at in (*header, *body))
    )


def required(node):
    """Count the parameters that a caller cannot leave out by name."""
    given = node.args
    named = [one for one in (*given.posonlyargs, *given.args) if one.arg not in ("self", "cls")]
    return len(named) + sum(default is None for default in given.kw_defaults)


def test_no_function_is_longer_than_a_page():
    long = [f"{path}:{node.lineno} {node.name} {size}" for path, node, lines in functions()
            if (size := length(node, lines)) > LONGEST_FUNCTION]  # fmt: skip
    assert long == []


def test_no_function_asks_for_more_than_a_reader_can_hold():
    many = [f"{path}:{node.lineno} {node.name} {number}" for path, node, _ in functions()
            if not node.name.startswith("_") and (number := required(node)) > MOST_PARAMETERS]  # fmt: skip
    assert many == []
