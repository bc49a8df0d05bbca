"""The race against other programs: how it is run, and that its record is of these contenders."""

import json
import sys

import pytest
from tools_of_the_build import ROOT

pytestmark = pytest.mark.processes

CONTENDER = """
import time
PACKAGES = ["numpy"]
def slow():
    print("chatter", end="")
    turns = []
    def turn():
        time.sleep(0.05)
        turns.append(1)
        return 10 * len(turns)
    return turn
def broken():
    raise RuntimeError("no such luck")
"""


@pytest.fixture
def bench(monkeypatch, tmp_path):
    """Return the referee, working in a folder of its own."""
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    import bench

    (tmp_path / "here").mkdir()
    (tmp_path / "stub.py").write_text(CONTENDER)
    (tmp_path / "turns.py").write_text((ROOT / "benchmarks" / "turns.py").read_text())
    monkeypatch.setattr(bench, "ASIDE", tmp_path)
    monkeypatch.setattr(bench, "ROUNDS", 2)
    yield bench
    for name in ("bench", "ours", "limit", "chapter", "task"):
        sys.modules.pop(name, None)


@pytest.fixture
def stubs(bench, monkeypatch, tmp_path):
    """Let contenders be those of the stub."""
    monkeypatch.setattr(bench, "BENCHMARKS", tmp_path)
    return bench


def test_a_race_gives_the_speed_of_each_round(stubs):
    speeds, versions = stubs.race({"a": ("stub", "slow"), "b": ("stub", "slow")})
    assert list(speeds) == ["a", "b"] and list(versions) == ["stub: numpy"]
    for first, second in speeds.values():  # the turn before the race is no part of it
        assert 0 < first <= 20 / 0.05 and 0 < second <= 30 / 0.05


def test_a_contender_that_fails_is_named_with_what_it_said(stubs):
    with pytest.raises(SystemExit, match=r"stub.broken ended, exit 1:\n(?s:.*)no such luck"):
        stubs.race({"a": ("stub", "slow"), "b": ("stub", "broken")})


def test_the_record_is_of_these_contenders_and_of_enough_rounds(bench):
    record = json.loads(bench.RECORD.read_text())
    assert {race: list(speeds) for race, speeds in record["speeds"].items()} == {
        race: list(contenders) for race, contenders in bench.RACES.items()
    }
    rounds = [each for speeds in record["speeds"].values() for each in speeds.values()]
    assert {len(each) for each in rounds} == {len(rounds[0])} and len(rounds[0]) >= 5
    assert min(map(min, rounds)) > 0


def test_each_contender_of_ours_is_there(bench, real_corpus):
    import importlib

    for module, name in {each for race in bench.RACES.values() for each in race.values()}:
        if module in ("ours", "limit", "chapter"):
            assert callable(getattr(importlib.import_module(module), name)), name
