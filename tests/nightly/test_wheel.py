"""The package as others get it: built, installed elsewhere, without a network, and used."""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest
from tools_of_the_build import ROOT

from d2l_gru.install import faults

NO_NETWORK = "http://127.0.0.1:9"  # nothing listens there
BLOCKS = re.findall(
    r"^```(python|bash)\n(.*?)^```", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL
)
SNIPPETS = [(kind, code) for kind, code in BLOCKS if "make " not in code]


UV = Path(sys.executable).with_name("uv")


def contents(wheel):
    """Return the bytes of each file in a wheel, but for the list of them."""
    with zipfile.ZipFile(wheel) as opened:
        names = [name for name in opened.namelist() if not name.endswith("/RECORD")]
        return {name: opened.read(name) for name in names}


@pytest.fixture(scope="module")
def wheels(tmp_path_factory):
    """The wheel that the sources make, and the one that their sdist makes."""
    folder = tmp_path_factory.mktemp("a build")
    aside = shutil.ignore_patterns("*.egg-info", "__pycache__")
    shutil.copytree(ROOT / "src", folder / "source" / "src", ignore=aside)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder / "source")
    build = [UV, "build", "-q", "--offline", "--no-build-isolation", "--python", sys.executable]
    for out in (["--wheel", "-o", folder / "wheel"], ["-o", folder / "of-the-sdist"]):
        subprocess.run([*build, folder / "source", *out], check=True)
    return [*folder.glob("wheel/*.whl"), *folder.glob("of-the-sdist/*.whl")]


@pytest.fixture(scope="module")
def run(wheels, tmp_path_factory):
    """Return a function that runs code where nothing but the wheel and what it needs is."""
    folder = tmp_path_factory.mktemp("another machine")
    python = folder / "venv/bin/python"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "venv"], check=True)
    install = [UV, "pip", "install", "-q", "--offline", "--no-deps", "--python", python]
    subprocess.run([*install, wheels[0]], check=True)
    ask = "import sysconfig; print(sysconfig.get_path('purelib'))"
    site = subprocess.check_output([python, "-c", ask], text=True).strip()
    # This folder is searched, but its own .pth files, one of which leads to our sources, are not.
    Path(site, "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    env = {
        "PATH": f"{python.parent}:{os.environ['PATH']}", "LANG": "C", "OMP_NUM_THREADS": "1",
        "HOME": str(folder / "home"), "XDG_CACHE_HOME": str(folder / "cache"),
        "HTTP_PROXY": NO_NETWORK, "HTTPS_PROXY": NO_NETWORK, "http_proxy": NO_NETWORK,
    }  # fmt: skip

    def in_a_folder(kind, code):
        here = tmp_path_factory.mktemp("a folder")
        done = subprocess.run(
            [kind, "-ec" if kind == "bash" else "-c", code],
            cwd=here, env=env, capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0 and "Traceback" not in done.stderr, done.stderr
        return here, done.stdout, done.stderr

    return in_a_folder


def test_the_wheel_holds_all_of_the_package_and_so_does_the_sdist(wheels):
    ours, again = map(contents, wheels)
    paths = [path for path in (ROOT / "src/d2l_gru").rglob("*") if path.is_file()]
    paths = [path for path in paths if path.suffix != ".pyc"]
    package = {name for name in ours if name.startswith("d2l_gru/")}
    assert package == {str(path.relative_to(ROOT / "src")) for path in paths}
    assert any(name.endswith("/licenses/LICENSE") for name in ours) and again == ours


@pytest.mark.parametrize(("kind", "code"), SNIPPETS)
def test_the_readme_s_snippets_run(run, request, kind, code):
    if "d2l_gru.torch" in code:
        request.getfixturevalue("torch")
    short = re.sub(r"(num.epochs[= ])500", r"\g<1>1", code)
    assert short != code  # the whole takes an hour
    here, out, err = run(kind, short)
    assert "using the sample story: it is not in the cache and could not be downloaded" in err
    assert "time traveller" in out or not ("predict" in code or "sample" in code)
    if kind == "bash":
        assert (here / "run.jsonl").read_text().count('"epoch": 1') == 1


def test_each_command_runs(run):
    code = "import d2l_gru, sys; print(d2l_gru.__file__.startswith(sys.prefix))"
    assert run("python", code)[1] == "True\n"
    _, out, _ = run("bash", "python -m d2l_gru doctor")
    assert "OK     computing: a product on " in out and out.endswith("Training can run.\n")
    if version := faults.version_of("torch"):
        assert f"OK     PyTorch: {version}, on " in out
    assert "note   corpus: not available yet: it is not in the cache" in out
    assert "the sample story instead" in run("bash", "python -m d2l_gru.corpus")[1]
    _, out, _ = run("bash", COMMANDS)
    assert re.search(r"^Perplexity .* of each of 2 workers\n", out, re.MULTILINE)
    assert out.splitlines()[-1].startswith("names") and len(out.splitlines()[-1]) == 9


def test_a_type_checker_knows_the_public_names(run, tmp_path):
    _, python, _ = run("python", "import sys; print(sys.executable)")
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    command = [sys.executable, "-m", "mypy", "--strict", "--python-executable", python.strip()]
    command += ["--config-file=", f"--cache-dir={tmp_path}", str(program)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert 'Revealed type is "def (inputs: ' in done.stdout
    errors = re.findall(r"^program.py:(\d+): error: .*\[(.*)\]$", done.stdout, re.MULTILINE)
    assert errors == [("4", "attr-defined"), ("5", "arg-type"), ("8", "attr-defined")], done.stdout


PROGRAM = """
import d2l_gru as d2l
reveal_type(d2l.gru)
d2l.grus
d2l.try_gpu("0")
loader, vocab = d2l.load_data_time_machine(32, 35)
history = d2l.train(None, loader, 1, 1)
history.perplexities
"""
COMMANDS = """
yes 'names of all our ships' | head -n 99 > text
size='--corpus text --num-hiddens 8 --batch-size 4 --num-steps 9 --num-epochs 1'
python -m d2l_gru train $size --checkpoints run
python -m d2l_gru train $size --model scratch --lr 0.5
python -m d2l_gru launch -n 2 -- train $size
python -m d2l_gru sample run --length 4
"""
