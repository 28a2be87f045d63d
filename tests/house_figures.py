"""Figures of the house: `python -m tests.house_figures [FOLDER]` counts those of a checkout, this one if left out.

Sizes are lines and parameters of the source, tests left out. A circle is a group of modules that import each other.
Vague names and docstrings without a subject are those of `tests/test_words.py`.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from tests.test_words import CODE, PROJECT, bare_docstrings, parsed, vague_names

Function = ast.FunctionDef | ast.AsyncFunctionDef


def modules(root: Path) -> dict[str, ast.Module]:
    """Return the syntax tree of every module of the source, by its dotted name."""
    files = [file for folder in CODE for file in sorted((root / folder).rglob("*.py"))]
    names = (".".join(file.relative_to(root).with_suffix("").parts) for file in files)
    return dict(zip(names, parsed(files), strict=True))


def imports(tree: ast.Module, known: set[str]) -> set[str]:
    """Return the modules of the source that a module imports, those inside functions included."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names & known


def reached(start: str, arrows: dict[str, set[str]]) -> set[str]:
    """Return all modules that a module imports, directly or not."""
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        for module in arrows[waiting.pop()] - seen:
            seen.add(module)
            waiting.append(module)
    return seen


def circles(trees: dict[str, ast.Module]) -> set[frozenset[str]]:
    """Return the groups of modules that import each other."""
    arrows = {name: imports(tree, set(trees)) for name, tree in trees.items()}
    reach = {name: reached(name, arrows) for name in trees}
    return {frozenset(other for other in reach[name] if name in reach[other]) for name in trees if name in reach[name]}


def functions(trees: dict[str, ast.Module]) -> Iterator[Function]:
    """Yield every function and method."""
    yield from (node for tree in trees.values() for node in ast.walk(tree) if isinstance(node, Function))


def n_parameters(function: Function) -> int:
    """Return how many parameters a function has, `self` left out."""
    given = function.args
    names = [part.arg for part in (*given.posonlyargs, *given.args, *given.kwonlyargs)]
    return len([name for name in names if name not in {"self", "cls"}])


def is_kernel(function: Function) -> bool:
    """Return whether numba compiles a function."""
    return any(ast.unparse(one).startswith(("njit", "kernel", "intrinsic")) for one in function.decorator_list)


def lines(node: Function) -> int:
    """Return how many lines a function has."""
    return (node.end_lineno or node.lineno) - node.lineno + 1


def report(root: Path) -> Iterator[str]:
    """Yield the figures of a checkout as lines of text."""
    trees = modules(root)
    files = [len((root / f"{name.replace('.', '/')}.py").read_text().splitlines()) for name in trees]
    sizes = [lines(function) for function in functions(trees)]
    plain = [function for function in functions(trees) if not is_kernel(function)]
    folders = {name.rpartition(".")[0] for name in trees}
    largest = max(sum(name.rpartition(".")[0] == folder for name in trees) for folder in folders)
    yield f"files: {len(files)}, median {median(files):g} lines, largest {max(files)}; most in one folder: {largest}"
    yield f"functions: {len(sizes)}, median {median(sizes):g} lines, largest {max(sizes)}"
    yield f"parameters: largest {max(map(n_parameters, plain))} (kernels left out)"
    yield f"circles of imports: {len(circles(trees))}"
    for part, checked in (("source", list(trees.values())), ("tests", trees_of_tests(root))):
        vague = [name for tree in checked for name in vague_names(tree)]
        yield f"{part}: {len(vague)} vague names, {vague.count('found')} of them `found`"
        yield f"{part}: {sum(len(bare_docstrings(tree)) for tree in checked)} docstrings with a bare who or what"


def trees_of_tests(root: Path) -> list[ast.Module]:
    """Return the syntax trees of the tests."""
    return parsed(sorted((root / "tests").rglob("*.py")))


if __name__ == "__main__":
    sys.stdout.write("\n".join(report(Path(sys.argv[1]) if sys.argv[1:] else PROJECT)) + "\n")
