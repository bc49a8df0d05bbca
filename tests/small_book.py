"""Books of a few small pages, to try the build on."""

import multiprocessing
import os
import re
import subprocess
import sys
import tempfile

import jupytext
import nbformat
import pypdf
import sphinx.cmd.build
from nbformat.v4 import new_output
from tools_of_the_build import ROOT

from tools import notebook as tidied

# Half of a small build is imports: a server makes them once, and each build is a fork of it.
SPHINX = multiprocessing.get_context("forkserver")
SPHINX.set_forkserver_preload(["small_book", "jupyter_book.config", "myst_nb", "sphinx_book_theme"])
HEAD = "---\nkernelspec: {name: python3, display_name: any}\n---\n\n"
TOC = """\
format: jb-book
root: index
parts:
- {{numbered: true, chapters: [{}]}}
- chapters: [{}]
"""
SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><title>{}</title></svg>'
RUN = {"date": "2026-11-25", "device": "cpu(0)", "seconds": 61.3, "versions": {"d2l_gru": "0.1.0"}}


def run(notebook, voice):
    """Give cells the outputs of a run, as their sources say."""
    for number, cell in enumerate(tidied.code_cells(tidied.tidy(notebook)), 1):
        cell.execution_count = number
        if cell.source.startswith("print"):
            said = cell.source.split('"')[1]
            cell.outputs.append(new_output("stream", text=f"{said} says {voice}\n"))
        if "svg" in cell.source:
            drawn = {"image/svg+xml": SVG.format(voice if "same" not in cell.source else "same")}
            cell.outputs.append(new_output("display_data", drawn))
        if "glue" in cell.source:
            key = "number" if "removed" in cell.source else f"visible {number}"
            value = {"application/papermill.record/text/plain": f"'glued by {voice}'"}
            said = {"scrapbook": {"name": key, "mime_prefix": "application/papermill.record/"}}
            cell.outputs.append(new_output("display_data", value, metadata=said))
    notebook.metadata.d2l_gru = {"run": RUN}
    return notebook


def book(folder, chapters, appendices=()):
    """Make a book of these pages, as they are written and as they ran; return its folder."""
    config = (ROOT / "_config.yml").read_text().replace("tools.ext: .", f"tools.ext: {ROOT}")
    (folder / "_config.yml").write_text(config)
    for name in ("assets", "widgets", "records", "references.bib", "conf.py"):
        (folder / "book").mkdir(exist_ok=True)
        (folder / "book" / name).symlink_to(ROOT / "book" / name)
    (folder / "chapters").mkdir()
    for name, text in {"index": "# A book\n", **chapters, **dict(appendices)}.items():
        (folder / "chapters" / f"{name}.md").write_text(HEAD + text)
        pair = tidied.split(name, jupytext.reads(HEAD + text, fmt="md:myst"))
        for stem, notebook in pair.items():
            voice = "torch" if stem.endswith("-torch") else "mxnet"
            nbformat.write(run(notebook, voice), folder / "book" / f"{stem}.ipynb")
    entries = (", ".join(f"{{file: {name}}}" for name in part) for part in (chapters, appendices))
    toc = TOC.format(*entries).replace("- chapters: []\n", "")
    (folder / "book" / "_toc.yml").write_text(toc)
    return folder


def build(source, builder, *options, out=None):
    """Build a book, in its folder unless said; return what was said, and the status."""
    out = out or source / "out"
    words = ["-b", builder, f"{source}/book", f"{out}/{builder}"]
    words += ["-d", f"{out}/.{builder}", "-q", "-n", "-W", "--keep-going", *options]
    with tempfile.NamedTemporaryFile("r+") as said:
        process = SPHINX.Process(target=_sphinx, args=(words, {**os.environ}, said.name))
        process.start()
        process.join()
        return subprocess.CompletedProcess(words, process.exitcode, said.read())


def _sphinx(words, env, said):
    os.chdir(ROOT)
    os.environ.update(env)
    with open(said, "w") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    sys.exit(sphinx.cmd.build.main(words))


def built(source, builder, *options, out=None):
    """Build a book without a warning; return the folder of what was made."""
    done = build(source, builder, *options, out=out)
    assert done.returncode == 0, f"{builder} does not build without a warning:\n{done.stdout}"
    return (out or source / "out") / builder


def printed(source, out, *options):
    """Print a book; return what TeX said, in whole lines, and the pages."""
    folder = built(source, "latex", *options, out=out)
    command = ["latexmk", "-xelatex", "-halt-on-error", "-interaction=nonstopmode", "book.tex"]
    done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 0, done.stdout.decode(errors="replace")[-4000:]
    log = (folder / "book.log").read_text(errors="replace")
    return re.sub(r"(?<=.{79})\n", "", log), pypdf.PdfReader(folder / "book.pdf")
