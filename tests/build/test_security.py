"""What SECURITY.md promises of the code, the workflow and the bill of materials."""

import ast
import json
import re
import subprocess
from importlib import metadata

import pytest
import yaml
from tools_of_the_build import ROOT

CODE = sorted([*(ROOT / "src").rglob("*.py"), *(ROOT / "tools").glob("*.py")])
UNSAFE_MODULES = {"pickle", "cPickle", "dill", "marshal", "shelve"}
# It runs the book's own cells, as the other runner does in a kernel.
RUNS_CHAPTERS = "gpu_outputs.py"


def unsafe(path, source):
    """List what a file has that could run what it reads."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            names = [getattr(node, "module", None), *(alias.name for alias in node.names)]
            found += UNSAFE_MODULES & {name.split(".")[0] for name in names if name}
        if isinstance(node, ast.Call):
            name = getattr(node.func, "id", getattr(node.func, "attr", None))
            plain = isinstance(node.func, ast.Name)
            if plain and name in ("eval", "exec") and path.name != RUNS_CHAPTERS:
                found.append(name)
            if name in ("system", "popen") or (name == "load" and _is_torch(node.func)):
                found.append(name)
            shell = [key.value for key in node.keywords if key.arg == "shell"]
            if shell and getattr(shell[0], "value", True) is not False:
                found.append("shell")
    return found


def _is_torch(call):
    return getattr(getattr(call, "value", None), "id", None) == "torch"


@pytest.mark.parametrize("path", CODE, ids=lambda path: path.name)
def test_nothing_runs_what_it_reads(path):
    assert unsafe(path, path.read_text()) == []


@pytest.mark.parametrize(
    "source",
    [
        "import pickle", "from dill import load", "eval(x)", "exec(x)", "os.system(x)",
        "torch.load(x)", "subprocess.run(x, shell=True)", "Popen(x, shell=how)",
    ],
)  # fmt: skip
def test_what_would_is_found(source):
    assert len(unsafe(ROOT / "x.py", source)) == 1
    assert unsafe(ROOT / "x.py", "re.compile(x); json.load(f); run(x, shell=False)") == []


def test_the_workflow_may_do_little_and_its_actions_are_pinned():
    text = (ROOT / ".github" / "workflows" / "book.yml").read_text()
    actions = re.findall(r"uses: (\S+)", text)
    assert len(actions) >= 5
    assert all(re.fullmatch(r"actions/[\w-]+@[0-9a-f]{40}", action) for action in actions)
    workflow = yaml.safe_load(text)
    assert workflow["permissions"] == {"contents": "read"}
    assert "permissions" not in workflow["jobs"]["book"]
    assert workflow["jobs"]["publish"]["permissions"] == {"pages": "write", "id-token": "write"}


@pytest.mark.processes
def test_the_bill_of_materials_names_what_is_installed():
    made = subprocess.run(["make", "-s", "sbom"], cwd=ROOT, capture_output=True, text=True)
    assert made.returncode == 0, made.stderr
    bill = json.loads((ROOT / "_build" / "sbom.json").read_text())
    assert bill["bomFormat"] == "CycloneDX"
    named = {part["name"].lower(): part["version"] for part in bill["components"]}
    for name in ("mxnet", "numpy", "sphinx", "jupyter-book", "nbval", "jupytext"):
        assert named[name] == metadata.version(name)
