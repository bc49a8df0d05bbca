"""Where the text comes from: every way, and every way it can go wrong; all without a network."""

import hashlib
import os
import pwd
import subprocess
import sys
from pathlib import Path

import pooch
import pytest
import requests

from d2l_gru import corpus

GOOD = b"The Time Traveller\r\n"


def sha256(data):
    return hashlib.sha256(data).hexdigest()


@pytest.fixture(autouse=True)
def nowhere(tmp_path, monkeypatch):
    """Start with no folder, an empty cache, a network that must not be used, and a short text."""
    monkeypatch.delenv("D2L_GRU_DATA")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(corpus, "SHA256", sha256(GOOD))

    def refuse(*args, **options):
        raise AssertionError("the network was used")

    monkeypatch.setattr(pooch, "HTTPDownloader", refuse)
    monkeypatch.setattr(requests.Session, "request", refuse)


@pytest.fixture
def network(monkeypatch):
    """Return a function that sets what the network answers: bytes, then perhaps an error."""

    def answer(content=b"", error=None):
        asked = []

        def download(url, output_file, pooch_instance, **options):
            asked.append(url)
            Path(output_file).write_bytes(content)
            if error is not None:
                raise error

        monkeypatch.setattr(pooch, "HTTPDownloader", lambda **options: download)
        return asked

    return answer


@pytest.fixture
def cached(tmp_path):
    return tmp_path / "cache" / "d2l_gru" / "timemachine.txt"


def put(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def everything_in(folder):
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_the_folder_comes_first_and_may_start_at_home(tmp_path, cached, monkeypatch):
    path = put(tmp_path / "folder" / "timemachine.txt", GOOD)
    put(cached, GOOD)
    monkeypatch.setenv("HOME", str(path.parent))
    for name in (str(path.parent), "~"):
        monkeypatch.setenv("D2L_GRU_DATA", name)
        assert corpus.find() == ("timemachine", path, sha256(GOOD), "found in D2L_GRU_DATA", False)
    for content in (GOOD[:-1], GOOD.lower(), GOOD + b" ", b""):
        path.write_bytes(content)
        said = f"its SHA-256 is {sha256(content)}, not {sha256(GOOD)}"
        with pytest.raises(ValueError, match=f"^{path} is not the expected text: {said}$"):
            corpus.find()
        assert path.read_bytes() == content  # it is left alone
    for name in ("/absent", "~no-such-user"):
        monkeypatch.setenv("D2L_GRU_DATA", name)
        said = f"^D2L_GRU_DATA is '{name}', but {name}/timemachine.txt does not exist; set it to a"
        with pytest.raises(FileNotFoundError, match=said):
            corpus.find()


ERRORS = (requests.ConnectionError, requests.exceptions.ChunkedEncodingError)


@pytest.mark.parametrize(
    ("variable", "content", "sent", "name", "reason"),
    [
        ("sample", GOOD, None, "sample", "D2L_GRU_DATA=sample"),
        ("", GOOD, None, "timemachine", "found in the cache"),
        (None, GOOD, None, "timemachine", "found in the cache"),
        (None, None, GOOD, "timemachine", "downloaded into the cache"),
        (None, b"altered", GOOD, "timemachine", "downloaded into the cache"),
        *[(None, None, error, "sample",
           f"it is not in the cache and could not be downloaded ({error.__name__})")
          for error in ERRORS],
        (None, GOOD[:5], ERRORS[0], "sample",
         "the cached copy was altered and could not be downloaded (ConnectionError)"),
    ],
)  # fmt: skip
def test_then_come_the_cache_the_network_and_the_sample(
    cached, network, monkeypatch, variable, content, sent, name, reason
):
    if variable is not None:
        monkeypatch.setenv("D2L_GRU_DATA", variable)
    if content is not None:
        put(cached, content)
    asked = network(GOOD[:7], sent()) if sent in ERRORS else network(sent)
    path = cached if name == "timemachine" else corpus.SAMPLE
    hash = sha256(GOOD if path == cached else path.read_bytes())
    found = corpus.find()
    assert found == (name, path, hash, reason, name == "sample" and not variable)
    assert asked == ([] if sent is None else [corpus.URL])
    assert corpus.describe(found) == (
        f"Corpus: The Time Machine ({reason})." if name == "timemachine"
        else f"Corpus: the sample story instead of The Time Machine ({reason})."
    )  # fmt: skip
    if name == "timemachine":
        assert cached.read_bytes() == GOOD and corpus.find().reason == "found in the cache"
        assert everything_in(cached.parent) == ["timemachine.txt"] and len(asked) < 2
    elif not variable:  # no half of a download, and without one the same but for the reason
        assert everything_in(cached.parent) == ([] if content is None else ["timemachine.txt"])
        assert corpus.find(download=False).reason == reason.partition(" and could")[0]


@pytest.mark.parametrize("content", [b"<html>Log in</html>", GOOD[:-1], b""])
def test_a_bad_download_is_an_error_and_never_cached(cached, network, content):
    assert corpus.find(download=False).name == "sample" and not cached.parent.exists()
    network(content)
    for _ in range(2):
        with pytest.raises(ValueError) as caught:
            corpus.find()
        said = f"what {corpus.URL} sent is not the expected text; nothing was kept: "
        assert str(caught.value).startswith(said)
        assert all(hash in str(caught.value) for hash in (sha256(content), sha256(GOOD)))
        assert everything_in(cached.parent) == []


@pytest.mark.parametrize("why", ["no permission to write", ".*Not a directory.*"])
def test_a_cache_that_cannot_be_written_is_an_error(cached, network, monkeypatch, why):
    asked = network(GOOD)
    if why == "no permission to write":  # as for a user who is not root
        monkeypatch.setattr(os, "access", lambda path, mode: False)
    else:
        put(cached.parents[1], b"a file")
    said = rf"^the cache {cached.parent} cannot be written \({why}\); set XDG_CACHE_HOME to"
    with pytest.raises(OSError, match=said):
        corpus.find()
    assert asked == []


def test_a_request_goes_to_the_published_address_and_does_not_wait_for_ever(monkeypatch):
    """The one piece of a download that the tests above leave out: pooch's own downloader."""
    monkeypatch.setattr(pooch, "HTTPDownloader", pooch.downloaders.HTTPDownloader)
    asked = []

    def no_network(self, method, url, **options):
        asked.append((method, url, options["timeout"]))
        raise requests.ConnectionError

    monkeypatch.setattr(requests.Session, "request", no_network)
    assert corpus.find().name == "sample"
    assert asked == [("get", "http://d2l-data.s3-accelerate.amazonaws.com/timemachine.txt", 10)]


def test_the_command_says_in_one_line_what_is_wrong(tmp_path, monkeypatch):
    put(tmp_path / corpus.FILE, b"other")
    monkeypatch.setenv("D2L_GRU_DATA", str(tmp_path))
    command = [sys.executable, "-m", "d2l_gru.corpus"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1 and done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"{tmp_path / corpus.FILE} is not the expected text")


def test_a_user_without_a_home_is_told_what_to_set(monkeypatch):
    """As in a container that runs as a user whom its system does not list."""
    for name in ("HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", {}.__getitem__)
    with pytest.raises(OSError, match="^the user's cache cannot be found .*the word 'sample'$"):
        corpus.find()
