"""What would become a wrong page in silence is refused with its file and line; the rest passes."""

import pytest

from tools.check import check
from tools.notebook import ChapterError

HEAD = "---\nkernelspec: {name: python3, display_name: any}\n---\n"  # three lines
TITLE = HEAD + "# Title\n"  # the fourth
CELL = "```{code-cell} ipython3\nx = 1\n```\n"


def write(root, chapter, name="one.md"):
    for folder in ("chapters", "book"):
        (root / folder).mkdir(exist_ok=True)
    (root / "chapters" / name).parent.mkdir(exist_ok=True)
    (root / "chapters" / name).write_bytes(
        chapter if isinstance(chapter, bytes) else chapter.encode()
    )


def said(root, *names):
    """Return the lines of what is wrong with a book."""
    try:
        check(root, names)
    except ChapterError as error:
        return str(error).split("\n")
    return []


# What a chapter holds, the line complained about, and a part of the complaint.
WRONG = [
    (TITLE + "```{code-cell} ipython3\nx = 1\n", 5, "never closed; write ``` below it"),
    (TITLE + "```{code-cell} ipython3\nx\n\nWords.\n\n" + CELL, 10, "in line 5 has not ended"),
    (TITLE + "```python\nx = 1\n\n" + CELL, 8, "the one in line 5 has not ended"),
    (TITLE + "words\n\n```{note}\nwords\n", 7, "```{note} is never closed"),
    (TITLE + ":::{note}\nwords\n", 5, ":::{note} is never closed"),
    (TITLE + "````{note}\nwords\n```\n````\n", 7, "``` is never closed"),
    (TITLE + "- a\n  ```python\n  x\n\nwords\n", 6, "```python is never closed"),
    (TITLE + "<div>\nwords\n" + CELL + "</div>\n", 7, "it belongs to the HTML above"),
    ("\ufeff" + TITLE, 1, "its head"),
    (TITLE + "# Another\n", 5, "a second title; make it `##`"),
    (TITLE + "## \n", 5, "a heading has no words"),
    (TITLE + CELL.replace("ipython3", "julia"), 5, "julia would be run as Python"),
    (TITLE.encode("utf-16"), 1, "it is not in UTF-8; save it as UTF-8"),
    ((TITLE + "Größe\n").encode("latin-1"), 5, "it is not in UTF-8"),
    ("", 1, "its head, YAML between two --- lines, must come first"),
    ("\n" + TITLE, 1, "its head"),
    ("---\nkernelspec: {name: python3}\n# Title\n", 1, "its head"),
]


@pytest.mark.parametrize(("text", "line", "words"), WRONG)
def test_a_wrong_page_is_refused(tmp_path, text, line, words):
    write(tmp_path, text)
    found = said(tmp_path)
    assert f"chapters/one.md:{line}: " in found[0] and words in found[0]


@pytest.mark.parametrize(
    "text",
    [
        TITLE.replace("\n", "\r\n") + CELL.replace("\n", "\r\n"),
        HEAD + "Title\n=======\n\nWords\n\nLower\n-----\n",
        TITLE + CELL.replace("```", "````") + CELL.replace("```", "~~~"),
        TITLE + "````markdown\n" + CELL + "````\n\n````{code-block} md\n" + CELL + "````\n",
        TITLE + "<!--\n" + CELL + "-->\n",
        TITLE + "- a\n\n  ```python\n  x\n  ```\n- b\n",
        TITLE + "`````{note}\n````{tip}\n```python\nx\n```\n````\n`````\n",
        TITLE + ":::{note}\nwords\n:::\n\n```{note}\n```\n",
        TITLE + "````{solution-start} ex\n````\n\n" + CELL + "\n````{solution-end}\n````\n",
        TITLE.rstrip("\n"),
        TITLE + CELL.rstrip("\n"),
        TITLE + "words\u2028words\x85\n\n" + CELL,
    ],
)
def test_what_is_right_passes(tmp_path, text):
    write(tmp_path, text)
    assert said(tmp_path) == []


def test_names_that_no_page_can_have_are_refused_and_what_is_not_listed(tmp_path):
    right = ["Übung_1.md", "数学.md", ".ipynb_checkpoints/one.md", "notes.txt", "one.md~"]
    wrong = ["-a.md", "a b.md", "a#b.md", "a'b.md", "a.b.md", "b-torch.md", "c/d.md", "e.ipynb"]
    wrong += ["search.md", "übung_1.md"]
    for name in right + wrong:
        write(tmp_path, TITLE, name)
    assert sorted(line.split(": ")[0] for line in said(tmp_path)) == sorted(
        f"chapters/{name}" for name in wrong
    )
    for name in wrong:
        (tmp_path / "chapters" / name).unlink()
    contents = tmp_path / "book" / "_toc.yml"
    contents.write_text("format: jb-book\nroot: Übung_1\nchapters:\n- file: '数学'\n")
    assert said(tmp_path) == []
    contents.write_text("format: jb-book\nroot: Übung_1\n")
    line = "book/_toc.yml: chapters/数学.md is not listed; add `- file: 数学`"
    assert said(tmp_path) == [line]


def test_all_faults_are_said_or_those_of_the_chapters_that_are_asked_for(tmp_path):
    write(tmp_path, TITLE + "# B\n\n## \n")
    write(tmp_path, "", "two.md")
    places = ["chapters/one.md:5", "chapters/one.md:7", "chapters/two.md:1"]
    assert [line[: line.index(": ")] for line in said(tmp_path)] == places
    assert [line[: line.index(": ")] for line in said(tmp_path, "two")] == places[2:]


def test_a_picture_with_a_blank_in_its_name_and_a_broken_reference_are_named(tmp_path):
    write(tmp_path, TITLE)
    references = tmp_path / "book" / "references.bib"
    references.write_text("@book{a,\n  year = {2014}\n}\n")
    assert said(tmp_path) == []
    (tmp_path / "book" / "a picture.svg").touch()
    references.write_text("@book{a,\n  year = {2014}\n@book{b,\n  year = {2015}\n}\n")
    picture, reference = said(tmp_path)
    assert picture.startswith("book/a picture.svg: ")
    assert reference.startswith("book/references.bib: ") and "line 3" in reference
