"""What the unit tests share."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tools_of_the_build import ROOT


@pytest.fixture
def seeded():
    """Make a test's random numbers the same whatever ran before it."""
    import d2l_gru as d2l

    d2l.set_seed(0)


@pytest.fixture
def real_corpus():
    """Skip, with the reason, where the sample stands in for The Time Machine."""
    from d2l_gru import corpus

    found = corpus.find(download=False)
    if found.name != "timemachine":
        pytest.skip(f"holds for The Time Machine only: {corpus.describe(found)}")


@pytest.fixture(scope="session")
def html(tmp_path_factory):
    """The folder of the pages, rendered from the stored notebooks with warnings as errors."""
    out = tmp_path_factory.mktemp("out")
    _make_slides(out)
    jupyter_book = Path(sys.executable).with_name("jupyter-book")
    source = ["build", "book", "--config", "_config.yml", "--path-output", out]
    done = subprocess.run(
        [jupyter_book, *source, "-q", "-W", "-n", "--keep-going"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode:
        pytest.fail(f"the book does not build without a warning:\n{done.stdout}", pytrace=False)
    return out / "_build" / "html"


def _make_slides(out):
    """Make the decks where `make html` lays them."""
    sphinx = [Path(sys.executable).with_name("sphinx-build"), "-b", "slides", "-c", "tools", "book"]
    sphinx += [out / "_build" / "html" / "slides", "-d", out / "doctrees", "-q"]
    subprocess.run(sphinx, cwd=ROOT, env=os.environ | {"BOOK_SOURCE": "."}, check=True)
