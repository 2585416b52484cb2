"""Writes benchmarks/results/README.md: what each page shows, when it was measured, and what changed since.

A page was measured in the last commit that changed one of its figures. The code that it measures are the
modules of the package that its script imports; a module has changed since when a later commit touched it.
"""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"
SCRIPT = re.compile(r"benchmarks/(?:studies|speed|search|suites)/[a-z_0-9]+\.py")
FIGURE = re.compile(r"\d[\d.,]*")
HEAD = """# What was measured

Each page names the script or the command that its figures come from. This table is written by
`python benchmarks/results_index.py`. *Measured* is the commit that last changed a figure of the page.
*Changed since* counts the modules of the package that the page's script imports and that a later commit
touched, for whatever reason: where it is not 0 the page is older than the code that it measures.

| page | what it shows | measured | by | changed since |
| --- | --- | --- | --- | --- |
"""


def git(*words: str) -> str:
    return subprocess.run(["git", *words], cwd=ROOT, check=True, capture_output=True, text=True).stdout


def measured(page: Path) -> tuple[str, str]:
    """Give hash and date of the last commit that changed a figure of a page."""
    log = git("log", "--follow", "--format=@@@%h %cs", "-p", "-U0", "--", str(page.relative_to(ROOT)))
    commit = ("", "")
    for part in log.split("@@@")[1:]:
        head, _, change = part.partition("\n")
        if len(head.split()) != 2:
            continue
        commit = (head.split()[0], head.split()[1])
        sides: tuple[list[str], list[str]] = ([], [])
        for line in change.splitlines():
            if line[:1] in ("+", "-") and line[:3] not in ("+++", "---"):
                sides[line[0] == "+"].extend(FIGURE.findall(SCRIPT.sub("", line[1:])))
        if sorted(sides[0]) != sorted(sides[1]):
            return commit
    return commit


def script_of(page: Path) -> Path | None:
    """Give the script that a page names, or that bears its name."""
    named = SCRIPT.search(page.read_text(encoding="utf-8"))
    if named:
        return ROOT / named[0]
    same = ROOT / "benchmarks" / "studies" / f"{page.stem.replace('-', '_')}.py"
    if same.exists():
        return same
    return ROOT / "benchmarks" / "search" / "compare.py" if page.stem == "search" else None


def modules_of(script: Path) -> set[Path]:
    """Give the package's modules that a script imports."""
    found = set()
    for node in ast.walk(ast.parse(script.read_text(encoding="utf-8"))):
        names = [node.module] if isinstance(node, ast.ImportFrom) and node.module else []
        names += [one.name for one in node.names] if isinstance(node, ast.Import) else []
        for name in names:
            place = ROOT / name.replace(".", "/")
            for path in (place.with_suffix(".py"), place / "__init__.py"):
                if name.startswith("biomatch") and path.exists():
                    found.add(path)
    return found


def row(page: Path) -> str:
    title = page.read_text(encoding="utf-8").splitlines()[0].lstrip("# ")
    commit, day = measured(page)
    script = script_of(page)
    if script is None or not script.exists():
        tail = f"{day}, {commit} | a command, named there | not counted"
        return f"| [{page.name}]({page.name}) | {title} | {tail} |"
    modules = modules_of(script)
    touched = set(git("diff", "--name-only", commit).split()) if commit else set()
    changed = sum(str(module.relative_to(ROOT)) in touched for module in modules)
    by = script.relative_to(ROOT)
    return (
        f"| [{page.name}]({page.name}) | {title} | {day}, {commit} | `{by}` | {changed} of {len(modules)} |"
    )


def main() -> None:
    pages = [page for page in sorted(RESULTS.glob("*.md")) if page.name != "README.md"]
    suites = sorted((RESULTS / "suites").glob("*.md"))
    tail = [f"- [{page.stem}](suites/{page.name})" for page in suites]
    text = HEAD + "\n".join(map(row, pages)) + "\n"
    if tail:
        text += "\nThe suites, each run by `biomatch bench benchmarks/suites/NAME.toml`:\n\n"
        text += "\n".join(tail) + "\n"
    (RESULTS / "README.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
