"""What would become a wrong page: each refused with its file and line, and what is right passes."""

import re

import pytest
from tools_of_the_build import ROOT, load

checker = load("check")

HEAD = "---\nkernelspec: {name: python3, display_name: any}\n---\n"  # three lines
TITLE = HEAD + "# Title\n"  # the fourth
CELL = "```{code-cell} ipython3\nx = 1\n```\n"


def write(root, chapter, name="one.md"):
    for folder in ("chapters", "book/assets"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    path = root / "chapters" / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(chapter if isinstance(chapter, bytes) else chapter.encode())


def said(root, *names):
    """Return the lines of what is wrong with a book."""
    try:
        checker.check(root, names)
    except checker.ChapterError as error:
        return str(error).split("\n")
    return []


def fence(name, argument="", content="x", mark="```"):
    return f"{mark}{name} {argument}\n{content}\n{mark}\n"


def indented(text, by="  "):
    return "".join(by + line for line in text.splitlines(keepends=True))


NESTED = {
    "a list": "- a\n\n" + indented(CELL),
    "a numbered list": "1. a\n\n" + indented(CELL, "   "),
    "a list in a list": "- a\n  - b\n\n" + indented(CELL, "    "),
    "a quotation": "words\n\n" + indented(CELL, "> "),
    "a note": "````{note}\n\n" + CELL + "````\n",
    "an admonition with a title": "````{admonition} A title\n\n" + CELL + "````\n",
    "a note with colons": ":::{tip}\n\n" + CELL + ":::\n",
    "a note in a note": "`````{note}\n````{tip}\n" + CELL + "````\n`````\n",
    "a dropdown": "````{dropdown} More\n\n" + CELL + "````\n",
    "an exercise": "````{exercise}\n\n" + CELL + "````\n",
    "a slide": "````{slide} A\n\n" + CELL + "````\n",
    "other marks": "```{note}\n\n" + CELL.replace("```", "~~~") + "```\n",
    "HTML": "<div>\nwords\n" + CELL + "</div>\n",
}


@pytest.mark.parametrize("where", NESTED)
def test_a_cell_that_would_not_run_is_refused(tmp_path, where):
    chapter = TITLE + NESTED[where]
    write(tmp_path, chapter)
    line = chapter.count("\n", 0, chapter.index("{code-cell}")) + 1
    assert [found.split(": ")[0] for found in said(tmp_path)] == [f"chapters/one.md:{line}"]


# What follows the title, the line complained about, and a part of the complaint.
WRONG = [
    (fence("{code_cell}", "ipython3"), 5, "is no code cell; write ```{code-cell} ipython3"),
    (fence("{code-cel}"), 5, "is no code cell"),
    (fence("{codecell}"), 5, "is no code cell"),
    (fence("{Code-Cell}", "ipython3"), 5, "is no code cell"),
    (fence("{code cell}"), 5, "is no code cell"),
    (fence("{cod-cell}"), 5, "is no code cell"),
    (fence(" {code-cell}", "ipython3"), 5, "is no code cell"),
    (fence("code-cell", "ipython3"), 5, "is no code cell"),
    (fence("{code-cell", "ipython3"), 5, "lacks a brace"),
    (fence("{code-cell}", "ipython3", mark=":::"), 5, "is no code cell"),
    (fence("{note"), 5, "lacks a brace"),
    ("- a\n\n" + indented(fence("{code-cells}")), 7, "is no code cell"),
    (fence("{code-cell}", "julia"), 5, "in julia would be run as Python"),
    (fence("{code-cell}", "R"), 5, "in R would be run as Python"),
    ("```{code-cell} ipython3\nx = 1\n", 5, "never closed; write ``` below it"),
    ("```{code-cell} ipython3\nx = 1\n\nWords.\n\n" + CELL, 10, "that of line 5 has not ended"),
    ("```python\nx = 1\n\n" + CELL, 8, "that of line 5 has not ended"),
    ("words\n\n```{note}\nwords\n", 7, "```{note} is never closed"),
    (":::{note}\nwords\n", 5, ":::{note} is never closed"),
    ("````{note}\nwords\n```\n````\n", 7, "``` is never closed"),
    ("- a\n  ```python\n  x\n\nwords\n", 6, "```python is never closed"),
    (fence("{code-cell}", content=":tags: [a\nx"), 6, "options of the cell cannot be read"),
    (fence("{code-cell}", content="---\ntags: [gpu]\nx = 1"), 6, "options of the cell"),
    (fence("{code-cell}", content="---\n- a\n---\nx"), 6, "are names with values"),
    (fence("{code-cell}", content=":tag: [gpu]\nx"), 6, "no option 'tag'; it has tags, mystnb"),
    (fence("{code-cell}", content=":caption: words\nx"), 6, "no option 'caption'"),
    (fence("{code-cell}", content=":tags: hide-input\nx"), 6, "tags are a list; write `[hide-i"),
    (fence("{code-cell}", content=":tags: [hide-inptu]\nx"), 6, "no tag 'hide-inptu'; write 'hi"),
    (fence("{code-cell}", content=":tags: [gpu, remove_cell]\nx"), 6, "write 'remove-cell'"),
    (fence("{code-cell}", content="---\nmystnb: {fig: {name: a}}\n---\nx"), 6, "have this fig"),
    (fence("{code-cell}", content="---\nmystnb: {figure: {nam: a}}\n---\nx"), 6, "have this nam"),
    (fence("{code-cell}", content="---\nmystnb: {image: a}\n---\nx"), 6, "have this image"),
    (fence("{code-cell}", content=":mystnb: [a]\nx"), 6, "cannot have this value"),
    (fence("{raw-cell}"), 5, "a raw cell is shown nowhere"),
    ("a\n<<<<<<< HEAD\nb\n=======\nc\n", 6, "a merge was not finished, <<<<<<<"),
    ("a\nc\n>>>>>>> a branch\n", 7, "a merge was not finished, >>>>>>>"),
    ("||||||| 1b6e293\na\n", 5, "a merge was not finished, |||||||"),
    (fence("{code-cell}", content="<<<<<<< HEAD\nx"), 6, "a merge was not finished"),
    ("a\r\n<<<<<<< HEAD\r\n", 6, "a merge was not finished"),
    ("a\n\ufeffb\n", 6, "cannot be seen, U+FEFF (a byte order mark)"),
    ("a\nb\u200bc\n", 6, "cannot be seen, U+200B"),
    ("a\n\n\0\n", 7, "cannot be seen, U+0000"),
    ("a\n\x1b[31mb\n", 6, "cannot be seen, U+001B"),
    ("# Another\n", 5, "a second title; make it `##`"),
    ("## \n", 5, "a heading has no words"),
    ("## ![a](b.svg)\n", 5, "a heading has no words"),
]


@pytest.mark.parametrize(("text", "line", "words"), WRONG)
def test_a_wrong_page_is_refused(tmp_path, text, line, words):
    write(tmp_path, TITLE + text)
    found = said(tmp_path)
    assert f"chapters/one.md:{line}: " in found[0] and words in found[0]


WHOLE = [
    ("\ufeff" + TITLE, ":1: it holds a character that cannot be seen, U+FEFF (a byte order mark)"),
    (TITLE.encode("utf-16"), ":1: it is not in UTF-8; save it so"),
    ((TITLE + "Größe\n").encode("latin-1"), ":5: it is not in UTF-8"),
    ("", ": it is empty"),
    ("\n \n", ": it is empty"),
    ("# Title\n", ":1: its head, YAML between two lines of ---, is not first"),
    ("\n" + TITLE, ":1: its head"),
    (" " + TITLE, ":1: its head"),
    ("---\nkernelspec: {name: python3}\n# Title\n", ":1: its head"),
    ("---\na: [\n---\n# Title\n", ":2: it is no YAML"),
    ("---\na: 1\n---\n# Title\n", ":1: its head has no kernelspec with `name: python3`"),
    ("---\nkernelspec: {name: ir}\n---\n# Title\n", ":1: its head has no kernelspec"),
    ("---\n- a\n---\n# Title\n", ":1: its head has no kernelspec"),
    (HEAD, ":1: a page begins with its title"),
    (HEAD + "Words.\n\n" + CELL, ":1: a page begins with its title"),
    (HEAD + "## Lower\n\n# Title\n", ":4: a page begins with its title"),
    (HEAD + "- # in a list\n", ":1: a page begins with its title"),
    (HEAD + "#\n", ":4: a heading has no words"),
]


@pytest.mark.parametrize(("text", "words"), WHOLE)
def test_a_file_that_is_no_chapter_is_refused(tmp_path, text, words):
    write(tmp_path, text)
    assert said(tmp_path)[0].startswith("chapters/one.md" + words)


@pytest.mark.parametrize(
    "text",
    [
        TITLE.replace("\n", "\r\n") + CELL.replace("\n", "\r\n"),
        HEAD + "Title\n=======\n\nWords\n\nLower\n-----\n",
        TITLE + "<<<<<<<<<< a lot less\n\n<<<<<<<\\\n\n    <<<<<<< HEAD\n",
        TITLE + CELL.replace("```", "````") + CELL.replace("```", "~~~"),
        TITLE + CELL.replace("x = 1", 's = """\n# no title\n"""\n%%bash\n- a\n'),
        TITLE + "````markdown\n" + CELL + "````\n\n````{code-block} md\n" + CELL + "````\n",
        TITLE + "<!--\n" + CELL + "-->\n",
        TITLE + "- a\n\n" + indented(fence("python")) + "- b\n",
        TITLE + "`````{note}\n````{tip}\n```python\nx\n```\n````\n`````\n",
        TITLE + ":::{note}\nwords\n:::\n\n```{note}\n```\n",
        TITLE + fence("{code-block}", "julia") + fence("{code}", "r") + fence("codefish"),
        TITLE + "````{solution-start} ex\n````\n\n" + CELL + "\n````{solution-end}\n````\n",
        TITLE + "## \u00c4hnliches, 数学, $x$, `code`\n",
        TITLE + fence("{code-cell}", content=":tags: [my-own, gpu]\nx"),
        TITLE
        + fence("{code-cell}", content="---\nmystnb: {image: {alt: a}, figure: {name: b}}\n---"),
        TITLE.rstrip("\n"),
        TITLE + CELL.rstrip("\n"),
        TITLE + "words\u2028words\x85\n\n" + CELL,
    ],
)
def test_what_is_right_passes(tmp_path, text):
    write(tmp_path, text)
    assert said(tmp_path) == []


@pytest.mark.parametrize(
    ("name", "words"),
    [
        *((f"{name}.md", "letters, digits, - and _ only") for name in (
            "my page", "a'b", 'a"b', "a#b", "a$b", "a%b", "a.b", "a&b", "a,b", "a\tb", "-a", "a(b)",
            "a:b", "a*b", "a\\b", "a;b",
        )),
        ("one-torch.md", "those of notebooks in PyTorch"),
        ("part2/deep.md", "lies in chapters/ itself"),
        ("a.markdown", "is Markdown, chapters/NAME.md"),
        ("a.MD", "is Markdown"),
        ("a.rst", "is Markdown"),
        ("a.ipynb", "is Markdown"),
    ],
)  # fmt: skip
def test_names_that_no_page_can_have_are_refused(tmp_path, name, words):
    write(tmp_path, TITLE)
    write(tmp_path, TITLE, name)
    (found,) = said(tmp_path)
    assert found.startswith(f"chapters/{name}: ") and words in found


def test_names_of_any_language_pass_and_what_no_author_wrote(tmp_path):
    for name in ("Übung_1.md", "数学.md", "A2-b.md"):
        write(tmp_path, TITLE, name)
    for name in (".ipynb_checkpoints/one-checkpoint.md", "notes.txt", "one.md~", ".one.md.swp"):
        write(tmp_path, "", name)
    (tmp_path / "book" / "assets" / "a-b.c_d.svg").touch()
    assert said(tmp_path) == []
    write(tmp_path, TITLE, "a2-B.md")
    assert [line.split(": ")[1] for line in said(tmp_path)] == [
        "another name differs only in capitals; rename one"
    ] * 2
    (tmp_path / "chapters" / "a2-B.md").unlink()
    (tmp_path / "book" / "assets" / "a picture.svg").touch()
    assert said(tmp_path)[0].startswith("book/assets/a picture.svg: ")


CONTENTS = "format: jb-book\nroot: one\nchapters:\n- file: two\n"


@pytest.mark.parametrize(
    ("contents", "words"),
    [
        (CONTENTS, ""),
        (CONTENTS.replace("two", "two.md"), ""),
        (CONTENTS.split("chapters")[0], ": chapters/two.md is not listed; add `- file: two`"),
        (CONTENTS + "- file: twoo\n", ":5: there is no chapters/twoo.md; write it, or delete"),
        (CONTENTS + "- file: two\n", ": "),
        (CONTENTS.replace("two", "deep/two"), ":4: there is no chapters/deep/two.md"),
        (CONTENTS.replace("root: one", "root: index"), ":2: there is no chapters/index.md"),
        (CONTENTS + "- file: [\n", ":6: it is no YAML"),
        (CONTENTS + "- fil: three\n", ": "),
        ("", ": "),
        ("<<<<<<< HEAD\n" + CONTENTS, ":1: a merge was not finished"),
    ],
)
def test_contents_name_each_chapter_once(tmp_path, contents, words):
    for name in ("one.md", "two.md"):
        write(tmp_path, TITLE, name)
    (tmp_path / "book" / "_toc.yml").write_text(contents)
    found = said(tmp_path)
    assert bool(found) == bool(words)
    assert not words or found[0].startswith("book/_toc.yml" + words)


def test_other_files_that_make_pages_are_read(tmp_path):
    write(tmp_path, TITLE)
    (tmp_path / "book" / "references.bib").write_text("@book{a,\n=======\n>>>>>>> b\n}\n")
    (tmp_path / "_config.yml").write_text("a: 1\nb: [\n")
    assert [line[: line.index(": ")] for line in said(tmp_path)] == [
        "_config.yml:3", "book/references.bib:3"
    ]  # fmt: skip


def test_all_that_is_wrong_is_said_in_the_order_of_its_lines(tmp_path):
    write(tmp_path, TITLE + fence("{code-cell}", "julia", ":tag: 1\nx") + "# A\n# B\n")
    write(tmp_path, "", "two.md")
    lines = [re.match(r"chapters/(.*?): ", line)[1] for line in said(tmp_path)]
    assert lines == ["one.md:5", "one.md:6", "one.md:9", "one.md:10", "two.md"]
    assert said(tmp_path, "two") == said(tmp_path)[-1:]


def test_the_program_says_it_and_fails(tmp_path, capsys):
    write(tmp_path, TITLE)
    assert checker.main(tmp_path) == 1
    assert capsys.readouterr().err == "chapters/one.md: it was never run; call `make run`\n"
    (tmp_path / "book" / "one.ipynb").touch()
    assert checker.main(tmp_path) == 0 and capsys.readouterr() == ("", "")
    write(tmp_path, "")
    assert checker.main(tmp_path) == 1
    assert capsys.readouterr().err == "chapters/one.md: it is empty; write it, or delete the file\n"


def test_the_header_that_contributing_shows_passes(tmp_path):
    text = (ROOT / "CONTRIBUTING.md").read_text()
    write(tmp_path, re.search(r"(?s)```markdown\n(---\njupytext.*?)```", text)[1])
    assert said(tmp_path) == []
