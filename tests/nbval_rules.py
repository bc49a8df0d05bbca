"""The rules by which ``pytest --nbval`` compares the book with what its code computes now.

A pytest plugin on top of nbval: it runs the cells as nbval does, and decides itself what agrees.

- words and integers exactly, floats within the cell's tolerance (`nbval_text`);
- figures as drawings (`nbval_svg`); a stored output of another kind is refused (`nbval_outputs`);
- dates, speeds, durations and addresses may differ (``sanitize.cfg``);
- a code cell without a stored run fails;
- a PyTorch notebook is skipped where there is no PyTorch;
- a cell tagged ``gpu`` is skipped where its framework finds no GPU; a cell tagged ``corpus`` is
  run, but not compared, where the sample stands in for the corpus.

A cell's metadata may widen its tolerance: ``nbval: {rtol: 0.05, atol: 0.1, svg_atol: 3}``.
"""

import functools
import importlib.util
import os
import tempfile

import pytest
from nbval.plugin import IPyNbCell, IPyNbFile
from nbval_outputs import compare_outputs, outputs_of
from nbval_text import Tolerance

TORCH = "-torch.ipynb"  # ends the names of PyTorch notebooks


class CellFailure(Exception):
    """A cell that breaks a rule; the message is for the author of the book."""


@functools.cache
def has_gpu(torch):
    """Whether PyTorch, or MXNet, finds a GPU; asked only if a cell needs one, since it is slow."""
    if torch:
        from torch import cuda

        return cuda.is_available()
    from d2l_gru import try_gpu

    return try_gpu().device_type == "gpu"


@pytest.hookimpl(wrapper=True)
def pytest_collect_file(parent):
    """Put this module's notebook in the place of nbval's."""
    found = yield
    return [
        BookFile.from_parent(parent, path=item.path) if isinstance(item, IPyNbFile) else item
        for item in found
    ]


class BookFile(IPyNbFile):
    """A notebook; it remembers the messages of the cell that runs."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.messages = []

    def collect(self):
        for item in super().collect():
            yield BookCell.from_parent(
                self, name=item.name, cell_num=item.cell_num, cell=item.cell, options=item.options
            )

    def setup(self):
        """Start the kernel as the runner does: the user's own IPython settings do not count."""
        self.ipython = tempfile.TemporaryDirectory()
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("IPYTHONDIR", self.ipython.name)
            patch.delenv("MPLBACKEND", raising=False)
            patch.delenv("PYTEST_CURRENT_TEST", raising=False)  # ipykernel would miss C's output
            super().setup()

    def teardown(self):
        super().teardown()
        self.ipython.cleanup()

    def get_sanitize_files(self):
        """Find the file from any working directory."""
        return [self.config.rootpath / name for name in super().get_sanitize_files()]

    def get_kernel_message(self, timeout=None, stream="iopub"):
        """Keep every message; nbval itself knows neither an updated display nor a cleared one."""
        while True:
            message = super().get_kernel_message(timeout, stream)
            self.messages.append(message)
            if message["msg_type"] not in ("update_display_data", "clear_output"):
                return message


class BookCell(IPyNbCell):
    """A code cell, compared by the rules above."""

    def __init__(self, name, parent, cell_num, cell, options):
        super().__init__(name, parent, cell_num, cell, options)
        self.tags = cell.metadata.get("tags", [])
        if "gpu" in self.tags:
            self.add_marker("gpu")
        self.torch = self.path.name.endswith(TORCH)
        if self.torch and importlib.util.find_spec("torch") is None:
            self.add_marker(pytest.mark.skip("needs PyTorch, which `make torch` installs"))

    def runtest(self):
        try:
            self.tolerance = Tolerance.from_metadata(self.cell.metadata.get("nbval", {}))
        except ValueError as error:
            raise CellFailure(str(error)) from None
        if "gpu" in self.tags and not has_gpu(self.torch):
            name = "PyTorch" if self.torch else "MXNet"
            pytest.skip(f"needs a GPU, and {name} finds none here")
        never_run = self.cell.execution_count is None and self.cell.source.strip()
        if never_run and "gpu" not in self.tags and not self.options["skip"]:
            raise CellFailure("has no stored run (its execution_count is null); run `make book`")

        # A cell that is not compared must run nevertheless: later cells use its variables.
        sample = "corpus" in self.tags and os.environ.get("D2L_GRU_DATA") == "sample"
        if sample:
            self.options["check"] = False
        self.parent.messages.clear()
        super().runtest()
        if sample:
            pytest.skip("it ran, but its stored output is The Time Machine's, not the sample's")
        if never_run:
            pytest.skip("it ran, but there is no stored output to compare with")

    def compare_outputs(self, test, ref, skip_compare=None):
        """Raise `CellFailure` unless the outputs agree (nbval's own arguments are not enough)."""
        cell_id = self.parent.messages[-1]["parent_header"]["msg_id"]  # the last says: idle
        mine = [m for m in self.parent.messages if m["parent_header"].get("msg_id") == cell_id]
        report = compare_outputs(ref, outputs_of(mine), self.tolerance, self.sanitize)
        if report:
            raise CellFailure("\n  ".join(["stored and new outputs differ", *report]))
        return True

    def repr_failure(self, excinfo):
        if not isinstance(excinfo.value, CellFailure):
            return super().repr_failure(excinfo)
        code = [line for line in self.cell.source.splitlines() if line.strip()]
        where = f"{self.parent.nodeid}, {self.name}"
        return f"{where}: {code[0] if code else '(empty)'}\n{excinfo.value}"
