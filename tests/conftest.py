"""What the unit tests share."""

import functools
import http.server
import shutil
import signal
import threading

import frameworks
import pytest
from tools_of_the_build import ROOT
from visits import Visit


def pytest_configure():
    """Let programs that tests start hear all signals, also where this one ignores some (nohup)."""
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, lambda *_: None)  # a program that is started does not inherit it


@pytest.fixture
def seeded():
    """Make a test's random numbers the same whatever ran before it."""
    import d2l_gru as d2l

    d2l.set_seed(0)


@pytest.fixture
def torch():
    """PyTorch; without it, the tests that need it are skipped."""
    return pytest.importorskip("torch", reason="needs PyTorch: pip install 'torch>=2.6'")


@pytest.fixture(params=["mxnet", "torch"], scope="module")
def framework(request):
    """MXNet and PyTorch in turn, behind one face."""
    return frameworks.of(request.param)


@pytest.fixture
def text(tmp_path, monkeypatch):
    """Return a function that makes a text of one's own the corpus."""
    from d2l_gru import corpus

    def write(content):
        path = tmp_path / "text.txt"
        path.write_bytes(content.encode())
        found = corpus.Corpus("timemachine", path, "", "a test")
        monkeypatch.setattr(corpus, "find", lambda download=True: found)

    return write


@pytest.fixture
def real_corpus():
    """Skip, with the reason, where the sample stands in for The Time Machine."""
    from d2l_gru import corpus

    found = corpus.find(download=False)
    if found.name != "timemachine":
        pytest.skip(f"holds for The Time Machine only: {corpus.describe(found)}")


@pytest.fixture(scope="session")
def html(tmp_path_factory):
    """The folder of the pages, rendered as `make html` does, with warnings as errors."""
    from small_book import built

    out = tmp_path_factory.mktemp("pages")
    (out / "book.pdf").write_text("stands for the PDF")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BOOK_FORMS", str(out))
        built(ROOT, "slides", out=out)
        return built(ROOT, "html", out=out)


@pytest.fixture(scope="session")
def launch():
    """Return a function that starts a browser once; without it, its tests are skipped."""
    from playwright.sync_api import sync_playwright

    kinds = {"chromium": {"args": ["--no-sandbox"]}, "firefox": {"channel": "moz-firefox"}}

    @functools.cache
    def go(name):
        program = shutil.which(name) or shutil.which(f"{name}-esr")
        if not program:
            pytest.skip(f"needs {name}: python3 -m tools.debian browser")
        return getattr(started, name).launch(executable_path=program, **kinds[name])

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NODE_OPTIONS", f"--require={ROOT / 'tests' / 'firefox.js'}")
        with sync_playwright() as started:
            yield go


@pytest.fixture(scope="session")
def browser(launch):
    return launch("chromium")


@pytest.fixture(scope="session")
def server(html):
    """Serve the pages; yield their address."""
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=html)
    handler.func.log_message = lambda *_: None
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as served:
        threading.Thread(target=served.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{served.server_port}"
        served.shutdown()


@pytest.fixture
def visit(request, launch, html):
    """Return a function that opens a page of the book by its name, as a file unless told a base.

    In Chromium, unless the test is parametrized by visits.BOTH.
    """
    made, browser = [], launch(getattr(request, "param", "chromium"))

    def go(name, base=None, **options):
        made.append(Visit(browser, f"{base or html.as_uri()}/{name}.html", **options))
        return made[-1]

    yield go
    for each in made:
        each.context.close()
