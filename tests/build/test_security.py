"""What SECURITY.md promises of the workflow and the bill of materials; ruff checks the code."""

import json
import re
import subprocess
from importlib import metadata

import yaml
from tools_of_the_build import ROOT


def test_the_workflow_may_do_little_and_its_actions_are_pinned():
    for path in (ROOT / ".github" / "workflows").glob("*.yml"):
        text = path.read_text()
        actions = re.findall(r"uses: (\S+)", text)
        assert actions and all(
            re.fullmatch(r"actions/[\w-]+@[0-9a-f]{40}", action) for action in actions
        )
        workflow = yaml.safe_load(text)
        assert workflow["permissions"] == {"contents": "read"}
        more = {name: job["permissions"] for name, job in workflow["jobs"].items()
                if "permissions" in job}  # fmt: skip
        assert more in ({}, {"publish": {"pages": "write", "id-token": "write"}})


def test_the_bill_of_materials_names_what_is_installed():
    made = subprocess.run(["make", "-s", "sbom"], cwd=ROOT, capture_output=True, text=True)
    assert made.returncode == 0, made.stderr
    bill = json.loads((ROOT / "_build" / "sbom.json").read_text())
    assert bill["bomFormat"] == "CycloneDX"
    named = {part["name"].lower(): part["version"] for part in bill["components"]}
    for name in ("mxnet", "numpy", "sphinx", "jupyter-book", "nbval", "jupytext"):
        assert named[name] == metadata.version(name)
