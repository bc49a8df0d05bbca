"""What the outputs of a chapter depend on, as one hash and as a list for a reader."""

import ast
import contextlib
import datetime
import functools
import json
import platform
from importlib import metadata

from tools.notebook import code_cells, digest, is_torch, tags

TAGS_THAT_MATTER = {"gpu", "raises-exception", "skip-execution"}


def installed(*names):
    """Return the versions of those packages that are there; +cpu makes no other version."""
    found = set()
    for name in names:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found.add(metadata.version(name).split("+")[0])
    return sorted(found)


@functools.cache
def skeleton(source, filename="<source>"):
    """Return Python code without its comments and docstrings, in a form all versions share."""
    tree = ast.parse(source, filename)
    for node in ast.walk(tree):
        kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
        if isinstance(node, kinds) and ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:]
    return ast.dump(tree).replace(", type_params=[]", "")  # which Python 3.12 has


class Fingerprints:
    """The hashes of the chapters of one book, with one package, corpus and MXNet.

    Args:
        root: the folder that holds ``src`` and ``book``.
        corpus_sha256: the hash of the corpus.
    """

    def __init__(self, root, corpus_sha256):
        self._mxnet, self._corpus = installed("mxnet", "mxnet-cu112"), corpus_sha256
        paths = (path for path in (root / "src").rglob("*") if path.suffix in (".py", ".pyi"))
        read = {path: skeleton(path.read_text(), str(path)) for path in sorted(paths)}
        torch = root / "src" / "d2l_gru" / "torch"  # only PyTorch's notebooks depend on it
        of_mxnet = [code for path, code in read.items() if torch not in path.parents]
        self._package = digest(json.dumps([*read.values()]))
        self._package_of_mxnet = digest(json.dumps(of_mxnet))
        self._records = sorted((root / "book" / "records").glob("*"))

    def of(self, notebook, torch):
        """Return the hash of the notebook's code, what it runs on, and the records it reads.

        Args:
            torch: the version of PyTorch, which counts for a PyTorch notebook.

        Returns:
            The hash of everything, and a dict of short ones of its parts.
        """
        cells = [[cell.source, tags(cell) & TAGS_THAT_MATTER] for cell in code_cells(notebook)]
        code = json.dumps(cells, default=sorted)
        records = [path.read_text() for path in self._records if path.name in code]
        common = [self._mxnet, self._corpus, self._package_of_mxnet]
        if is_torch(notebook):
            common = [torch, self._corpus, self._package]
        parts = {"code": digest(code)[:8], "package": common[2][:8]}
        if records:
            parts["records"] = digest(json.dumps(records))[:8]
        everything = json.dumps([common, code, records])
        return digest(everything), {**parts, "corpus": self._corpus[:8]}


def circumstances(root, notebook):
    """Return what a run should not depend on, but may: the lock, the versions and the day."""
    framework = ["torch"] if is_torch(notebook) else ["mxnet", "mxnet-cu112"]
    names = ("d2l_gru", *framework, "numpy")
    versions = {name: version for name in names for version in installed(name)}
    lock = root / "requirements" / f"{'gpu' if 'mxnet-cu112' in versions else 'cpu'}.txt"
    return {
        "date": datetime.date.today().isoformat(),
        "lock": digest(lock.read_text())[:8] if lock.is_file() else None,
        "versions": {**versions, "python": platform.python_version()},
    }
