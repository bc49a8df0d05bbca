"""Where the text of the book comes from: H. G. Wells, *The Time Machine* (1895).

It is looked for in this order: the folder that ``D2L_GRU_DATA`` names, the user's cache, the
network.  If all three fail, the sample story that ships with the package replaces it.
``D2L_GRU_DATA=sample`` chooses the sample.  ``python -m d2l_gru.corpus`` prints which text is used.
"""

import hashlib
import os
import sys
from pathlib import Path
from typing import NamedTuple

FILE = "timemachine.txt"
URL = f"http://d2l-data.s3-accelerate.amazonaws.com/{FILE}"
SHA256 = "8424dbd9532ac81f7e5f0b6add90e6952baea29158309d7d1bf3884f4e12c516"
ADVICE = (
    f"set XDG_CACHE_HOME to a folder that can, D2L_GRU_DATA to one that holds {FILE}, or "
    "D2L_GRU_DATA to the word 'sample'"
)
SAMPLE = Path(__file__).with_name("sample.txt")


class Corpus(NamedTuple):
    """A text on disk: its name, "timemachine" or "sample", and why it was chosen.

    `stands_in` is true if the sample replaces the text that was requested.
    """

    name: str
    path: Path
    sha256: str
    reason: str
    stands_in: bool = False


def find(download=True):
    """Find the text, verify its hash, and download it into the user's cache if necessary.

    Args:
        download: whether the network may be used.

    Returns:
        A `Corpus`.  It is the sample only if ``D2L_GRU_DATA`` is "sample", or if the variable is
        unset, the cache holds no valid copy, and the network cannot be reached.

    Raises:
        FileNotFoundError: ``D2L_GRU_DATA`` names a folder without ``timemachine.txt``.
        ValueError: that file, or the one that was downloaded, is not the expected text.
        OSError: the cache cannot be written, or there is no home folder for it.
    """
    chosen = os.environ.get("D2L_GRU_DATA")
    if chosen == "sample":
        return _sample("D2L_GRU_DATA=sample")._replace(stands_in=False)
    if chosen:
        path = Path(os.path.expanduser(chosen)) / FILE  # leaves the ~ of an unknown user as it is
        if not path.is_file():
            raise FileNotFoundError(
                f"D2L_GRU_DATA is {chosen!r}, but {path} does not exist; set it to a folder that "
                f"holds {FILE}, to the word 'sample', or unset it"
            )
        if (found := _sha256(path)) != SHA256:
            raise ValueError(f"{path} is not the expected text: {_hashes(found)}")
        return Corpus("timemachine", path, SHA256, "found in D2L_GRU_DATA")

    path = _cache() / FILE
    if path.is_file() and _sha256(path) == SHA256:
        return Corpus("timemachine", path, SHA256, "found in the cache")
    missing = "the cached copy was altered" if path.exists() else "it is not in the cache"
    if not download:
        return _sample(missing)
    try:
        _download(path)
    except ConnectionError as error:
        return _sample(f"{missing} and could not be downloaded ({error})")
    return Corpus("timemachine", path, SHA256, "downloaded into the cache")


def _cache():
    import pooch  # not needed if the text is available

    try:
        folder = Path(pooch.os_cache("d2l_gru"))
        if not folder.is_absolute():
            raise RuntimeError(f"{folder} is not absolute")
    except RuntimeError as error:  # there is none without a home folder, as in some containers
        raise OSError(f"the user's cache cannot be found ({error}); {ADVICE}") from error
    return folder


def _download(path):
    """Fetch the text to `path`; raise ConnectionError where the network does not deliver it."""
    import pooch
    import requests  # slow to import, and needed only once per cache

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not os.access(path.parent, os.W_OK):
            raise PermissionError("no permission to write")
    except OSError as error:
        raise OSError(f"the cache {path.parent} cannot be written ({error}); {ADVICE}") from error
    pooch.get_logger().setLevel("WARNING")
    fetch = pooch.HTTPDownloader(timeout=10)
    try:  # pooch moves the file into place only once its hash is right
        pooch.retrieve(URL, f"sha256:{SHA256}", path.name, path.parent, downloader=fetch)
    except requests.RequestException as error:
        raise ConnectionError(type(error).__name__) from error
    except ValueError as error:
        raise ValueError(
            f"what {URL} sent is not the expected text; nothing was kept: {error}"
        ) from error


def _sample(reason):
    return Corpus("sample", SAMPLE, _sha256(SAMPLE), reason, stands_in=True)


def _sha256(path):
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def _hashes(found):
    return f"its SHA-256 is {found}, not {SHA256}"


def describe(corpus):
    """Say in one line which text is used and why."""
    if corpus.name == "timemachine":
        return f"Corpus: The Time Machine ({corpus.reason})."
    return f"Corpus: the sample story instead of The Time Machine ({corpus.reason})."


if __name__ == "__main__":
    try:
        print(describe(find()))
    except (OSError, ValueError) as error:
        sys.exit(str(error))
