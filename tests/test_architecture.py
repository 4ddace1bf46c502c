"""The house stands as drawn: layers, doorplates, light imports, a test per module, true docs."""

from __future__ import annotations

import ast
import json
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "audiostory"
MODULES = sorted(PACKAGE.rglob("*.py"))
SOURCES = [*MODULES, *sorted((ROOT / "tests").rglob("*.py"))]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())

HEAVY = {"torch", "transformers", "diffusers", "peft", "scipy", "pyloudnorm"}
"""Core packages that take seconds to import."""
EXTRAS = {
    *("ray", "accelerate", "tensorboard", "matplotlib", "sklearn", "gradio", "fastapi", "wandb"),
    "fluidsynth",
}
FORBIDDEN = {"torchaudio", "torchvision", "torchcodec", "librosa", "xformers", "flash_attn"}


def short(path: Path) -> str:
    """The path as a test id."""
    return str(path.relative_to(ROOT))


def imports_of(path: Path) -> Iterator[str]:
    """Names of the packages a file imports anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.partition(".")[0]


def packages_loaded_by(code: str) -> set[str]:
    """Top-level packages in ``sys.modules`` after a fresh interpreter ran ``code``."""
    report = (
        "import json, sys; print(json.dumps(sorted({m.partition('.')[0] for m in sys.modules})))"
    )
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{report}"], capture_output=True, text=True, check=True
    )
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_imports_flow_downwards():
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as c; c()"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_importing_the_package_loads_nothing_heavy():
    assert not packages_loaded_by("import audiostory") & (HEAVY | EXTRAS | {"numpy"})


def test_every_public_name_leads_somewhere():
    import audiostory

    for name in audiostory.__all__:
        assert getattr(audiostory, name) is not None


@pytest.mark.parametrize("arguments", [["--help"], ["generate", "--help"]])
def test_asking_for_help_loads_nothing_heavy(arguments):
    code = (
        f"import sys; sys.argv = ['audiostory', *{arguments!r}]\n"
        "from audiostory.apps.cli import main\n"
        "try:\n    main()\nexcept SystemExit as done:\n    assert not done.code, done.code"
    )
    assert not packages_loaded_by(code) & (HEAVY | EXTRAS)


@pytest.mark.parametrize("path", SOURCES, ids=short)
def test_no_file_imports_a_package_that_does_not_load_here(path):
    assert not set(imports_of(path)) & FORBIDDEN


def test_no_dependency_names_a_package_that_does_not_load_here():
    project = PYPROJECT["project"]
    wanted = [*project["dependencies"], *sum(project["optional-dependencies"].values(), [])]
    assert not {re.split(r"[^\w-]", each)[0].replace("-", "_") for each in wanted} & FORBIDDEN


@pytest.mark.parametrize("path", [p for p in MODULES if not p.name.startswith("__")], ids=short)
def test_every_module_has_a_test_of_its_own(path):
    module = path.relative_to(PACKAGE)
    assert (ROOT / "tests" / module.parent / f"test_{module.name}").is_file()


@pytest.mark.parametrize(
    "path", [p for p in MODULES if p.name == "__init__.py" and p.parent != PACKAGE], ids=short
)
def test_a_room_opens_with_a_doorplate_and_nothing_else(path):
    text = path.read_text(encoding="utf-8")
    (only,) = ast.parse(text).body
    assert isinstance(only, ast.Expr)
    assert isinstance(only.value, ast.Constant)
    assert len(text.splitlines()) <= 10


def test_every_room_has_its_place_in_the_layers():
    rooms = {p.name for p in PACKAGE.iterdir() if (p / "__init__.py").is_file()}
    (contract,) = PYPROJECT["tool"]["importlinter"]["contracts"]
    assert rooms <= {name.strip(" ()") for layer in contract["layers"] for name in layer.split("|")}


def test_the_version_is_said_once_in_each_place():
    from audiostory import __version__

    assert PYPROJECT["project"]["version"] == __version__
    assert f"## {__version__}" in (ROOT / "CHANGELOG.md").read_text()


def test_torch_is_pinned_exactly():
    assert "torch==2.13.0" in (ROOT / "constraints.txt").read_text().splitlines()


def commands_in(page: Path) -> list[str]:
    """The lines of a page's ``sh`` blocks, continued lines joined."""
    blocks = re.findall(r"^```sh\n(.*?)^```", page.read_text(encoding="utf-8"), re.M | re.S)
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


def check_make(words: list[str]) -> None:
    """Refuse ``make`` with a target the Makefile does not have."""
    targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.M)
    assert {word for word in words if "=" not in word} <= set(targets), words


def check_audiostory(words: list[str]) -> None:
    """Refuse ``audiostory`` with a command or an option it does not have."""
    from typer.main import get_command

    from audiostory.apps.cli import app

    command = get_command(app)
    while commands := getattr(command, "commands", None):
        if not words or words[0].startswith("-"):
            break
        assert words[0] in commands, words
        command = commands[words.pop(0)]
    known = {option for each in command.params for option in (*each.opts, *each.secondary_opts)}
    options = {word.partition("=")[0] for word in words if re.match(r"--?[a-z]", word)}
    assert options <= known | {"--help"}, words


@pytest.mark.parametrize(
    ("page", "line"),
    [pytest.param(page, line, id=page.stem) for page in PAGES for line in commands_in(page)],
)
def test_every_command_in_the_docs_exists(page, line):
    words = shlex.split(line, comments=True)
    while words and re.match(r"[A-Z_]+=", words[0]):
        words.pop(0)
    name = words.pop(0).rpartition("/")[2]
    if name == "make":
        check_make(words)
    elif name == "audiostory":
        check_audiostory(words)


@pytest.mark.parametrize("page", PAGES, ids=short)
def test_links_between_pages_lead_somewhere(page):
    links = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    inside = [link for link in links if "://" not in link and not link.startswith("mailto:")]
    assert [link for link in inside if not (page.parent / link).exists()] == []
