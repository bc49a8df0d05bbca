"""The rules by which ``pytest --nbval`` compares the book with what its code computes now.

A pytest plugin on top of nbval, which finds the notebooks and has the options.  Cells are run as
the runner runs them, and compared by our own rules, which hold for all of them: CONTRIBUTING says
which.  `nbval_text` compares words and numbers, `nbval_outputs` figures and all that a cell shows.
"""

import contextlib
import copy
import functools
import importlib.util
import os
import re
import subprocess
from pathlib import Path

import nbformat
import pytest
from nbclient.exceptions import CellControlSignal, CellTimeoutError, DeadKernelError
from nbval.plugin import IPyNbFile
from nbval_outputs import compare_outputs
from nbval_text import Rules

from tools.kernel import Client, environment, has_gpu
from tools.notebook import LIMIT, START, code_cells, recorded, tags, take_recorded

ROOT = Path(__file__).resolve().parent.parent
# What would tell nbval to compare nothing.
SWITCHES = re.compile(r"(?i:nbval|pytest[_-]validate)[_-]\S*")
# Options of nbval that compare less, or with another kernel.
REFUSED = "nbval_lax nbval_sanitize_with sanitize_with nbval_kernel_name current_env nbdime".split()


class CellFailure(Exception):
    """A cell that breaks a rule; the message is for the author of the book."""


def switch(cell):
    """Complain of a tag or comment that would have nbval compare nothing; None without one."""
    comments = re.findall(r"^[ \t]*#+[ \t]*(\S+)[ \t]*$", cell["source"], flags=re.MULTILINE)
    found = (word for word in [*sorted(tags(cell)), *comments] if SWITCHES.fullmatch(word))
    return next((f"{word}: no cell is exempt; remove it" for word in found), None)


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config):
    """Refuse the options of nbval that would weaken the comparison; wait as long as the runner."""
    if given := next((name for name in REFUSED if config.getoption(name, None)), None):
        option = given.replace("_", "-")
        raise pytest.UsageError(f"--{option} is not for this book: its own rules compare it")
    for name, default, ours in (("cell", 2000, LIMIT), ("kernel_startup", 60, START)):
        if config.getoption(f"nbval_{name}_timeout", None) == default:  # nbval's
            setattr(config.option, f"nbval_{name}_timeout", ours)


@pytest.hookimpl(wrapper=True)
def pytest_collect_file(parent):
    """Put this module's notebook in the place of nbval's."""
    found = yield
    ours = functools.partial(BookFile.from_parent, parent)
    return [ours(path=item.path) if isinstance(item, IPyNbFile) else item for item in found]


class BookFile(pytest.File):
    """A notebook, and the kernel that runs it."""

    lost = None  # why no further cell can run

    def collect(self):
        notebook = nbformat.read(self.path, as_version=4)
        self.torch, self.records = self.path.stem.endswith("-torch"), recorded(ROOT, notebook)
        self.nb = copy.deepcopy(notebook)  # this one runs
        self.nb.cells = code_cells(self.nb)
        for number, cell in enumerate(code_cells(notebook)):
            self.nb.cells[number].update(outputs=[], execution_count=None)
            yield BookCell.from_parent(self, name=f"Cell {number}", number=number, cell=cell)

    def setup(self):
        option, self.next, self.stack = self.config.option, 0, contextlib.ExitStack()
        self.client = Client(self.nb, self.path.parent, limit=option.nbval_cell_timeout)
        self.client.startup_timeout = option.nbval_kernel_startup_timeout
        if any("gpu" in tags(cell) for cell in self.nb.cells) and not has_gpu(self.torch):
            self.client.left_out.add("gpu")
        env = self.stack.enter_context(environment())
        self.client.create_kernel_manager()
        self.client.start_new_kernel(env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        # A client that does not hear from its kernel ends it by itself.
        self.stack.callback(lambda: self.client.km and self.client._cleanup_kernel())
        self.client.start_new_kernel_client()

    def teardown(self):
        self.stack.close()

    def run(self, number):
        """Run a cell, and before it those that nobody chose; return its outputs."""
        for at in range(self.next, number + 1):
            self.next = at + 1
            try:
                self.client.execute_cell(self.nb.cells[at], at)
            except DeadKernelError:
                self.lost = f"the kernel died in cell {at}"
            except CellTimeoutError:
                self.lost = f"cell {at} ran longer than {self.client.timeout:g} s"
            except CellControlSignal as error:  # an error in the cell
                if at == number:
                    raise CellFailure(str(error), getattr(error, "ename", "")) from None
            if self.lost:
                raise CellFailure(self.lost)
        return self.nb.cells[number].outputs


class BookCell(pytest.Item):
    """A code cell, compared by the rules above."""

    def __init__(self, name, parent, number, cell):
        super().__init__(name, parent)
        self.number, self.cell, self.tags = number, cell, tags(cell)
        if "gpu" in self.tags:
            self.add_marker("gpu")
        if parent.torch and importlib.util.find_spec("torch") is None:
            self.add_marker(pytest.mark.skip("needs PyTorch, which `make torch` installs"))

    def reportinfo(self):
        return self.path, 0, self.nodeid

    def runtest(self):
        cell, book = self.cell, self.parent
        if book.lost:
            pytest.skip(f"did not run: {book.lost}")
        try:
            rules = Rules(cell.metadata.get("nbval"))
        except ValueError as error:
            raise CellFailure(str(error)) from None
        if said := switch(cell):
            raise CellFailure(said)
        if "gpu" in self.tags:
            on_record = copy.deepcopy(cell)
            take_recorded(on_record, cell.execution_count, book.records)
            if on_record != cell:
                raise CellFailure("its stored output is not that of book/records/gpu-torch.json")
        if "skip-execution" in self.tags:
            if cell.outputs or cell.execution_count:
                raise CellFailure("has a stored run, though it is tagged skip-execution")
            pytest.skip("it is tagged skip-execution")
        if self.tags & book.client.left_out:
            pytest.skip(f"needs a GPU, and {'PyTorch' if book.torch else 'MXNet'} finds none here")
        never_run = cell.execution_count is None and cell.source.strip()
        if never_run and "gpu" not in self.tags:
            raise CellFailure("has no stored run (its execution_count is null); run `make book`")
        of_another_text = "corpus" in self.tags and os.environ.get("D2L_GRU_DATA") == "sample"
        try:
            new = book.run(self.number)
        except CellFailure as failure:
            if of_another_text and failure.args[1:] == ("AssertionError",):
                pytest.skip("it ran, but what it asserts is of The Time Machine, not the sample's")
            raise
        if of_another_text:
            pytest.skip("it ran, but its stored output is The Time Machine's, not the sample's")
        if never_run:
            pytest.skip("it ran, but there is no stored output to compare with")
        if report := compare_outputs(cell, new, rules, ROOT):
            raise CellFailure("\n  ".join(["stored and new outputs differ", *report]))

    def repr_failure(self, excinfo):
        if not isinstance(excinfo.value, CellFailure):
            return f"{excinfo.type.__name__}: {excinfo.value}"
        first = (self.cell.source.strip() or "(empty)").splitlines()[0]
        said = re.sub(r"\x1b\[[0-9;]*m", "", excinfo.value.args[0])  # without colours
        return f"{self.parent.nodeid}, {self.name}: {first}\n{said}"
