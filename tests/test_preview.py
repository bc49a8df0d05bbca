"""What a preview does at each edit.  No browser, and no server."""

import pytest
from tools_of_the_build import load

preview = load("preview")


@pytest.fixture
def done(monkeypatch):
    """Return what was done, a list; a chapter called bad fails."""
    steps = []

    def run(names):
        steps.append(names)
        return int("bad" in names)

    monkeypatch.setattr(preview.run_chapters, "main", run)
    monkeypatch.setattr(preview, "sphinx_build", lambda arguments: steps.append(arguments) or 0)
    return steps


@pytest.fixture
def edit(tmp_path, monkeypatch):
    """Return a function that tells a builder of these paths in the folder of a book."""
    monkeypatch.setattr(preview, "CHAPTERS", tmp_path / "chapters")
    for path in ("chapters/one.md", "chapters/two.md", "chapters/bad.md", "src/package.py"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).touch()
    builder = preview.Builder(
        ["book", "out"], url_host="here:1", pre_build_commands=(), post_build_commands=()
    )
    return lambda *paths: builder(changed_paths=[tmp_path / path for path in paths])


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["chapters/one.md"], ["one"]),
        (["chapters/two.md", "chapters/one.md", "chapters/two.md"], ["one", "two"]),
        (["chapters/one.md", "src/package.py"], []),
        (["chapters/gone.md"], []),
        (["_config.yml"], []),
        ([], []),
    ],
)
def test_an_edited_chapter_is_looked_at_alone(edit, done, capsys, paths, names):
    edit(*paths)
    assert done == [names, ["book", "out"]]
    assert capsys.readouterr().out == "The book: http://here:1\n"


def test_after_a_failure_the_pages_stay(edit, done, capsys):
    edit("chapters/bad.md")
    assert done == [["bad"]] and capsys.readouterr().out == ""
