"""What a preview does at each edit."""

import os
import shutil
import signal
import subprocess
import sys
import time

import pytest
from test_runner import Project
from tools_of_the_build import ROOT

from tools import preview


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["chapters/two.md", "chapters/one.md", "chapters/two.md"], ["one", "two"]),
        (["chapters/one.md", "src/package.py"], []),
        (["chapters/gone.md"], []),
        ([], []),
    ],
)
@pytest.mark.parametrize("status", [0, 1])
def test_an_edited_chapter_is_looked_at_alone(tmp_path, monkeypatch, paths, names, status):
    """After a failure the pages stay; at the start they are shown all the same."""
    for path in ("chapters/one.md", "chapters/two.md", "src/package.py"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).touch()
    done = []
    monkeypatch.setattr(preview.run, "main", lambda names: done.append(names) or status)
    monkeypatch.setattr(preview, "sphinx_build", lambda arguments: done.append(arguments) or 1)
    commands = {"pre_build_commands": (), "post_build_commands": ()}
    builder = preview.Builder(["book", "out"], url_host="here:1", **commands)
    builder(changed_paths=[tmp_path / path for path in paths])
    assert done == ([names] if status and paths else [names, ["book", "out"]])


CONF = 'extensions, nb_execution_mode, root_doc = ["myst_nb"], "off", "one"'


def test_the_page_follows_each_edit(tmp_path):
    project = Project(tmp_path)
    shutil.copytree(ROOT / "tools", tmp_path / "tools")
    (tmp_path / "conf.py").write_text(CONF)
    page, log = tmp_path / "out" / "one.html", tmp_path / "log"
    watched = ["--watch", "chapters", "--watch", "conf.py", "--re-ignore", r"\.ipynb(\.tmp)?$"]
    arguments = ["-c", ".", "book", "out", "-q", "--port", "0", *watched]
    project.write(prose="At first.")

    def comes(text, path=page, seconds=100):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if path.exists() and text in path.read_text():
                return True
            time.sleep(0.05)
        return False

    def follows(text, shown, path=page):
        """Whether an edit is seen; one made before it listened is made again."""
        return any(project.write(prose=text) or comes(shown, path, 10) for _ in range(30))

    with log.open("w") as out:
        running = subprocess.Popen(
            [sys.executable, "-m", "tools.preview", *arguments], cwd=tmp_path, stdout=out,
            stderr=subprocess.STDOUT, start_new_session=True,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
        )  # fmt: skip
    try:
        assert comes("Waiting to detect changes", log) and comes("At first.")
        assert follows("Then.", "Then.")
        assert follows("Wrong: {nosuch}`x`", 'Unknown interpreted text role "nosuch"', log)
        (tmp_path / "conf.py").write_text(f"{CONF}\nhtml_title = 'Another title'")
        assert comes("Another title") and follows("At last.", "At last.")
        assert "Traceback" not in log.read_text()
        running.send_signal(signal.SIGINT)
        assert running.wait(timeout=60) == 0 and "Traceback" not in log.read_text()
    finally:
        if running.poll() is None:
            os.killpg(running.pid, signal.SIGKILL)
            running.wait()
