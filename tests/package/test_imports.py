"""Which room of the package imports from which, and modules by the names that they had."""

import ast
import importlib
import pickle
from pathlib import Path

import pytest

import d2l_gru
from d2l_gru import _moved

PACKAGE = Path(d2l_gru.__file__).parent
# `shared` is what lies in the package itself.  Only `torch.convert` knows both frameworks; a run
# names its framework to `runs.backends`, which imports it when it is chosen.
DRAWING = """
shared   -> install shared
mxnet    -> install mxnet shared
torch    -> shared torch
convert  -> d2l_gru mxnet torch
runs     -> cluster runs shared
cluster  -> cluster mxnet shared
install  -> install shared
__main__ -> cluster install runs
"""


def room(module):
    first, *rest = module.split(".")[1:] or ["d2l_gru"]
    if first in ("d2l_gru", "__main__") or "convert" in rest:
        return (rest or [first])[0]
    return first if (PACKAGE / first).is_dir() else "shared"


def test_rooms_import_as_they_are_drawn():
    found = {}
    for path in PACKAGE.rglob("*.py"):
        name = ".".join(("d2l_gru", *path.relative_to(PACKAGE).with_suffix("").parts))
        for node in ast.walk(ast.parse(path.read_text())) if path.stem != "__init__" else ():
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                start = f"{node.module}." if isinstance(node, ast.ImportFrom) else ""
                modules = [start + alias.name for alias in node.names]
                assert not {"book", "chapters", "tools"} & {m.split(".")[0] for m in modules}
                ours = {room(module) for module in modules if module.startswith("d2l_gru")}
                found.setdefault(room(name), set()).update(ours)
    drawn = dict(line.split("->") for line in DRAWING.strip().splitlines())
    assert found == {who.strip(): set(whom.split()) for who, whom in drawn.items()}


@pytest.mark.parametrize(("old", "new"), _moved.MOVED.items())
def test_a_module_is_found_by_its_old_name(old, new):
    if old.startswith("torch"):
        pytest.importorskip("torch")
    before, now = (importlib.import_module(f"d2l_gru.{name}") for name in (old, new))
    assert before is now and now.__spec__.name == now.__name__ == f"d2l_gru.{new}"


def test_public_names_are_found_where_they_were():
    import d2l_gru.run
    import d2l_gru.scratch

    from d2l_gru import data

    assert d2l_gru.scratch.gru is d2l_gru.gru and data.Vocab is d2l_gru.Vocab
    assert d2l_gru.run.Run.__module__ == "d2l_gru.runs.run"
    for name in ("Setting", "load_model", "read_checkpoint", "read_text"):
        assert callable(getattr(d2l_gru.run, name))
    assert pickle.loads(b"cd2l_gru.data\nVocab\n.") is d2l_gru.Vocab  # as in an older pickle
    with pytest.raises(ModuleNotFoundError, match="d2l_gru.nonsense"):
        importlib.import_module("d2l_gru.nonsense")
