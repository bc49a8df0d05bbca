"""The race against other programs: how it is run, and that its record is of these contenders."""

import json
import os
import subprocess
import sys

import pytest
from tools_of_the_build import ROOT

CONTENDER = """
PACKAGES = ["numpy"]
def warm(name="warm"):
    print("chatter", end="")
    def turn():
        with open(__file__ + name, "a") as turns:
            return turns.write("x")
    return turn
def cold():
    turn = warm("cold")
    turn.cold = True
    return turn
def broken():
    raise RuntimeError("no such luck")
"""


@pytest.fixture
def bench(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    import bench

    yield bench
    for name in ("bench", "ours", "limit", "chapter", "scale", "target", "task"):
        sys.modules.pop(name, None)


@pytest.fixture
def stubs(bench, monkeypatch, tmp_path):
    """The referee, with contenders of its own in a folder of its own."""
    (tmp_path / "here").mkdir()
    (tmp_path / "stub.py").write_text(CONTENDER)
    (tmp_path / "turns.py").write_text((ROOT / "benchmarks" / "turns.py").read_text())
    for name in ("ASIDE", "BENCHMARKS", "ROOT"):
        monkeypatch.setattr(bench, name, tmp_path)
    return bench


def test_a_race_of_its_own_leaves_the_others_on_record(stubs, monkeypatch, tmp_path, real_corpus):
    monkeypatch.setattr(stubs, "RECORD", tmp_path / "speed.json")
    monkeypatch.setattr(stubs, "OTHERS", 2)
    contenders = {"a": ("stub", "warm"), "b": ("stub", "cold")}
    monkeypatch.setattr(stubs, "RACES", {name: contenders for name in ("one", "two")})
    records = []
    for arguments in ([], ["two"]):
        monkeypatch.setattr(sys, "argv", ["bench.py", *arguments])
        stubs.main()
        records.append(json.loads(stubs.RECORD.read_text())["races"])
    assert list(records[0]) == list(records[1]) == ["one", "two"]
    assert records[0]["one"] == records[1]["one"] and records[0]["two"] != records[1]["two"]
    # A turn before each race is no part of it; where a start is measured, none is taken.
    turns = [(tmp_path / f"stub.py{name}").read_text() for name in ("warm", "cold")]
    assert turns == ["x" * 9, "x" * 6]
    one = records[0]["one"]
    assert list(one["versions"]) == ["stub: numpy"] and one["cores"] == os.cpu_count()
    assert {name: len(speeds) for name, speeds in one["speeds"].items()} == {"a": 2, "b": 2}
    assert all(1 < one["megabytes"][name] < 200 for name in "ab")
    monkeypatch.setattr(sys, "argv", ["bench.py", "three"])
    with pytest.raises(SystemExit):
        stubs.main()
    with pytest.raises(SystemExit, match=r"stub.broken ended, exit 1:\n(?s:.*)no such luck"):
        stubs.race({"a": ("stub", "warm"), "b": ("stub", "broken")}, 2)


def test_the_record_is_of_these_contenders_and_of_enough_rounds(bench):
    races = json.loads(bench.RECORD.read_text())["races"]
    assert {race: list(there["speeds"]) for race, there in races.items()} == {
        race: list(contenders) for race, contenders in bench.RACES.items()
    }
    for race, there in races.items():
        for speeds in there["speeds"].values():
            assert len(speeds) == bench.ROUNDS.get(race, bench.OTHERS) >= 5 and min(speeds) > 0


def test_a_corpus_of_any_length_is_the_text_over_and_over(bench, tmp_path):
    import scale

    for length in (1, 7, 20):
        scale.write_ids(tmp_path / "ids", b"abcdefg", length)
        assert (tmp_path / "ids").read_bytes() == (b"abcdefg" * 3)[:length]


def test_training_to_the_target_begins_anew_with_another_seed(bench, monkeypatch, tmp_path):
    import target

    monkeypatch.setattr(target, "__file__", str(ROOT / "benchmarks" / "target.py"))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    (tmp_path / "steps.py").write_text(
        "def epochs(seed):\n"
        "    left = [2, 1.1, 1.09] if seed == 0 else [3] * 2000\n"
        "    return lambda: (open('said', 'a').write(f'{seed} {left[0]},'), left.pop(0))[1]\n"
    )
    monkeypatch.chdir(tmp_path)
    turn = target.from_nothing("steps")
    assert turn.cold and turn() == 1
    assert (tmp_path / "said").read_text() == "0 2,0 1.1,0 1.09,"
    with pytest.raises(subprocess.CalledProcessError):
        turn()
    assert (tmp_path / "said").read_text().count("1 3,") == target.MOST_EPOCHS


def test_each_contender_of_ours_is_there(bench, real_corpus):
    import importlib

    for module, name in {each for race in bench.RACES.values() for each in race.values()}:
        if module in ("ours", "limit", "chapter", "scale"):
            assert callable(getattr(importlib.import_module(module), name)), name
