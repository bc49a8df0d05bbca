"""Where the text comes from: every way, and every way it can go wrong; all without a network."""

import os
import pwd
import subprocess
import sys

import pooch
import pytest
import requests

from d2l_gru import corpus

GOOD = b"The Time Traveller\r\n"


@pytest.fixture(autouse=True)
def nowhere(tmp_path, monkeypatch):
    """Start with no folder, an empty cache, a network that must not be used, and a short text."""
    monkeypatch.delenv("D2L_GRU_DATA")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(corpus, "SHA256", corpus.hashlib.sha256(GOOD).hexdigest())

    def refuse(*args, **options):
        raise AssertionError("the network was used")

    monkeypatch.setattr(pooch, "HTTPDownloader", refuse)
    monkeypatch.setattr(requests.Session, "request", refuse)


@pytest.fixture
def network(monkeypatch):
    """Return a function that sets what the network answers: bytes, then perhaps an error."""
    asked = []

    def answer(content=b"", error=None):
        def download(url, output_file, pooch_instance, **options):
            asked.append(url)
            with open(output_file, "wb") as file:
                file.write(content)
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


def test_the_folder_comes_first(tmp_path, cached, monkeypatch):
    path = put(tmp_path / "folder" / "timemachine.txt", GOOD)
    put(cached, GOOD)
    monkeypatch.setenv("D2L_GRU_DATA", str(path.parent))
    assert corpus.find()[:4] == ("timemachine", path, corpus.SHA256, "found in D2L_GRU_DATA")


def test_the_folder_may_start_at_home(tmp_path, monkeypatch):
    path = put(tmp_path / "timemachine.txt", GOOD)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("D2L_GRU_DATA", "~")
    assert corpus.find().path == path


def test_a_folder_without_the_file_is_an_error(tmp_path, cached, monkeypatch):
    put(cached, GOOD)  # is not used instead
    monkeypatch.setenv("D2L_GRU_DATA", str(tmp_path / "absent"))
    with pytest.raises(FileNotFoundError, match="folder that holds timemachine.txt") as caught:
        corpus.find()
    assert repr(str(tmp_path / "absent")) in str(caught.value) and "'sample'" in str(caught.value)


def test_a_folder_of_an_unknown_user_is_an_error(monkeypatch):
    monkeypatch.setenv("D2L_GRU_DATA", "~no-such-user")
    with pytest.raises(FileNotFoundError, match="D2L_GRU_DATA is '~no-such-user'"):
        corpus.find()


@pytest.mark.parametrize("content", [GOOD[:-1], GOOD.lower(), GOOD + b" ", b""])
def test_a_truncated_or_altered_file_is_an_error_and_left_alone(tmp_path, monkeypatch, content):
    path = put(tmp_path / "timemachine.txt", content)
    monkeypatch.setenv("D2L_GRU_DATA", str(tmp_path))
    with pytest.raises(ValueError, match="not the expected text") as caught:
        corpus.find()
    found = corpus.hashlib.sha256(content).hexdigest()
    assert all(part in str(caught.value) for part in (str(path), found, corpus.SHA256))
    assert path.read_bytes() == content


def test_the_word_sample_chooses_the_sample(cached, monkeypatch):
    put(cached, GOOD)
    monkeypatch.setenv("D2L_GRU_DATA", "sample")
    found = corpus.find()
    assert (found.name, found.path) == ("sample", corpus.SAMPLE)
    assert found.sha256 == corpus.hashlib.sha256(corpus.SAMPLE.read_bytes()).hexdigest()
    assert corpus.describe(found) == (
        "Corpus: the sample story stands in for The Time Machine, since "
        "D2L_GRU_DATA=sample asks for it."
    )


@pytest.mark.parametrize("download", [True, False])
@pytest.mark.parametrize("unset", [None, ""])
def test_the_cache_comes_second(cached, monkeypatch, download, unset):
    if unset is not None:
        monkeypatch.setenv("D2L_GRU_DATA", unset)
    put(cached, GOOD)
    found = corpus.find(download)
    assert found[:4] == ("timemachine", cached, corpus.SHA256, "found in the cache")
    assert corpus.describe(found) == "Corpus: The Time Machine (found in the cache)."


def test_without_a_download_an_empty_cache_means_the_sample(cached):
    found = corpus.find(download=False)
    assert found.name == "sample" and found.reason == "it is not in the cache"
    assert not cached.parent.exists()
    assert "sample story" in corpus.describe(found) and found.reason in corpus.describe(found)


def test_an_altered_cache_is_not_used(cached):
    put(cached, GOOD[:5])
    found = corpus.find(download=False)
    assert found.name == "sample" and found.reason == "the cached copy was altered"


def test_a_good_download_is_cached_and_not_repeated(cached, network):
    asked = network(GOOD)
    assert corpus.find()[:4] == ("timemachine", cached, corpus.SHA256, "downloaded into the cache")
    assert cached.read_bytes() == GOOD
    assert corpus.find().reason == "found in the cache"
    assert asked == [corpus.URL]
    assert everything_in(cached.parent) == ["timemachine.txt"]


def test_a_good_download_replaces_an_altered_copy(cached, network):
    put(cached, b"altered")
    network(GOOD)
    assert corpus.find().reason == "downloaded into the cache"
    assert cached.read_bytes() == GOOD


@pytest.mark.parametrize("content", [b"<html>Log in</html>", GOOD[:-1], b""])
def test_a_bad_download_is_an_error_and_never_cached(cached, network, content):
    network(content)
    for _ in range(2):
        with pytest.raises(ValueError, match="not the expected text; nothing was kept") as caught:
            corpus.find()
        assert corpus.URL in str(caught.value)
        assert everything_in(cached.parent) == []
    assert corpus.find(download=False).name == "sample"


def test_a_bad_download_names_both_hashes(network):
    network(b"other")
    with pytest.raises(ValueError) as caught:
        corpus.find()
    found = corpus.hashlib.sha256(b"other").hexdigest()
    assert found in str(caught.value) and corpus.SHA256 in str(caught.value)


@pytest.mark.parametrize(
    "error",
    [
        requests.ConnectionError("no route"),
        requests.Timeout("slow"),
        requests.HTTPError("404"),
        requests.exceptions.ChunkedEncodingError("broke off"),
    ],
)
def test_a_refused_or_broken_download_means_the_sample(cached, network, error):
    network(GOOD[:7], error)
    found = corpus.find()
    assert found.name == "sample"
    assert "not in the cache and could not be downloaded" in found.reason
    assert type(error).__name__ in found.reason
    assert everything_in(cached.parent) == []


def test_an_altered_cache_without_a_network_means_the_sample_with_both_reasons(cached, network):
    put(cached, b"altered")
    network(error=requests.ConnectionError())
    found = corpus.find()
    assert found.name == "sample"
    assert found.reason.startswith("the cached copy was altered and could not be downloaded")
    assert everything_in(cached.parent) == ["timemachine.txt"]  # and no half of a download


def test_a_file_in_the_way_of_the_cache_is_an_error(tmp_path, network):
    asked = network(GOOD)
    put(tmp_path / "cache", b"a file")
    unwritable(tmp_path)
    assert asked == [] and (tmp_path / "cache").read_bytes() == b"a file"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write to any folder")
def test_a_read_only_cache_is_an_error(tmp_path, cached, network):
    asked = network(GOOD)
    cached.parent.mkdir(parents=True)
    cached.parent.chmod(0o500)
    unwritable(tmp_path)
    assert asked == []


def test_a_cache_without_permission_is_an_error(tmp_path, network, monkeypatch):
    asked = network(GOOD)
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # as for a user who is not root
    assert "cannot be written (no permission to write); set" in unwritable(tmp_path)
    assert asked == []


def unwritable(tmp_path):
    with pytest.raises(OSError, match="cannot be written") as caught:
        corpus.find()
    message = str(caught.value)
    assert str(tmp_path / "cache" / "d2l_gru") in message
    assert "XDG_CACHE_HOME" in message and "D2L_GRU_DATA" in message
    return message


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
    (tmp_path / corpus.FILE).write_bytes(b"other")
    monkeypatch.setenv("D2L_GRU_DATA", str(tmp_path))
    command = [sys.executable, "-m", "d2l_gru.corpus"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1 and done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert str(tmp_path / corpus.FILE) in line and "is not the expected text" in line


def test_a_user_without_a_home_is_told_what_to_set(monkeypatch):
    """As in a container that runs as a user whom its system does not list."""
    for name in ("HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", {}.__getitem__)
    with pytest.raises(OSError, match="^the user's cache cannot be found .*the word 'sample'$"):
        corpus.find()
