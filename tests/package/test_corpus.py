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


@pytest.mark.parametrize("name", ["/absent", "~no-such-user"])
def test_a_folder_without_the_file_is_an_error(cached, monkeypatch, name):
    put(cached, GOOD)  # is not used instead
    monkeypatch.setenv("D2L_GRU_DATA", name)
    said = f"^D2L_GRU_DATA is '{name}', but {name}/timemachine.txt does not exist; set it to a"
    with pytest.raises(FileNotFoundError, match=said):
        corpus.find()


@pytest.mark.parametrize("content", [GOOD[:-1], GOOD.lower(), GOOD + b" ", b""])
def test_a_truncated_or_altered_file_is_an_error_and_left_alone(tmp_path, monkeypatch, content):
    path = put(tmp_path / "timemachine.txt", content)
    monkeypatch.setenv("D2L_GRU_DATA", str(tmp_path))
    said = f"its SHA-256 is {sha256(content)}, not {sha256(GOOD)}"
    with pytest.raises(ValueError, match=f"^{path} is not the expected text: {said}$"):
        corpus.find()
    assert path.read_bytes() == content


def test_the_word_sample_chooses_the_sample(cached, monkeypatch):
    put(cached, GOOD)
    monkeypatch.setenv("D2L_GRU_DATA", "sample")
    found = corpus.find()
    hash, reason = sha256(corpus.SAMPLE.read_bytes()), "D2L_GRU_DATA=sample asks for it"
    assert found == ("sample", corpus.SAMPLE, hash, reason, False)
    said = f"Corpus: the sample story stands in for The Time Machine, since {reason}."
    assert corpus.describe(found) == said


@pytest.mark.parametrize("download", [True, False])
@pytest.mark.parametrize("unset", [None, ""])
def test_the_cache_comes_second(cached, monkeypatch, download, unset):
    if unset is not None:
        monkeypatch.setenv("D2L_GRU_DATA", unset)
    put(cached, GOOD)
    found = corpus.find(download)
    assert found == ("timemachine", cached, sha256(GOOD), "found in the cache", False)
    assert corpus.describe(found) == "Corpus: The Time Machine (found in the cache)."


@pytest.mark.parametrize(
    ("content", "reason"),
    [(None, "it is not in the cache"), (GOOD[:5], "the cached copy was altered")],
)
def test_without_a_good_copy_and_a_network_the_sample_stands_in(cached, network, content, reason):
    if content is not None:
        put(cached, content)
    found = corpus.find(download=False)
    assert (found.name, found.reason, found.stands_in) == ("sample", reason, True)
    assert cached.parent.exists() == (content is not None)
    broken = requests.exceptions.ChunkedEncodingError
    for error in (requests.ConnectionError, requests.Timeout, requests.HTTPError, broken):
        network(GOOD[:7], error())
        found = corpus.find()
        why = f"{reason} and could not be downloaded ({error.__name__})"
        assert (found.name, found.reason, found.stands_in) == ("sample", why, True)
    # and no half of a download
    assert everything_in(cached.parent) == ([] if content is None else ["timemachine.txt"])


@pytest.mark.parametrize("content", [None, b"altered"])
def test_a_good_download_is_cached_and_not_repeated(cached, network, content):
    asked = network(GOOD)
    if content is not None:
        put(cached, content)
    found = corpus.find()
    assert found == ("timemachine", cached, sha256(GOOD), "downloaded into the cache", False)
    assert cached.read_bytes() == GOOD and corpus.find().reason == "found in the cache"
    assert asked == [corpus.URL] and everything_in(cached.parent) == ["timemachine.txt"]


@pytest.mark.parametrize("content", [b"<html>Log in</html>", GOOD[:-1], b""])
def test_a_bad_download_is_an_error_and_never_cached(cached, network, content):
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
