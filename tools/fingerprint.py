"""What the outputs of a chapter depend on, as one hash."""

import ast
import hashlib
import json
from importlib import metadata

from outputs import code_cells, tags

TAGS_THAT_MATTER = {"gpu", "raises-exception", "skip-execution"}


def skeleton(source, filename="<source>"):
    """Return Python code without its comments and docstrings, in a form all versions share."""

    def plain(node):
        if isinstance(node, list):
            return [plain(part) for part in node]
        if not isinstance(node, ast.AST):
            return repr(node)
        fields = [(k, plain(v)) for k, v in ast.iter_fields(node) if v not in (None, [])]
        return [type(node).__name__, fields]

    tree = ast.parse(source, filename)
    for node in ast.walk(tree):
        kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
        if isinstance(node, kinds) and ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:]
    return plain(tree)


class Fingerprints:
    """The hashes of the chapters of one book, with one package, corpus and MXNet.

    Args:
        root: the folder that holds ``src`` and ``book``.
        corpus_sha256: the hash of the corpus.
    """

    def __init__(self, root, corpus_sha256):
        mxnet = {d.version for d in metadata.distributions() if d.name in ("mxnet", "mxnet-cu112")}
        sources = sorted((root / "src").rglob("*.py"))
        package = [skeleton(path.read_text(), str(path)) for path in sources]
        self._common = [sorted(mxnet), corpus_sha256, package]
        self._records = sorted((root / "book" / "records").glob("*"))

    def of(self, notebook):
        """Return the hash of the notebook's code, what is common, and the records it reads."""
        cells = [[cell.source, tags(cell) & TAGS_THAT_MATTER] for cell in code_cells(notebook)]
        code = json.dumps(cells, default=sorted)
        records = [path.read_text() for path in self._records if path.name in code]
        everything = json.dumps([self._common, code, records])
        return hashlib.sha256(everything.encode()).hexdigest()
