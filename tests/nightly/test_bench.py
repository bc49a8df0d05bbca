"""The record of the race against other programs is of these contenders, and they are there."""

import importlib
import json
import sys

import pytest
from tools_of_the_build import ROOT


@pytest.fixture
def bench(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    import bench

    yield bench
    for name in ("bench", "ours", "limit", "chapter", "scale"):
        sys.modules.pop(name, None)


def test_the_record_is_of_these_contenders_and_of_enough_rounds(bench):
    races = json.loads(bench.RECORD.read_text())["races"]
    assert {race: list(there["speeds"]) for race, there in races.items()} == {
        race: list(contenders) for race, contenders in bench.RACES.items()
    }
    for race, there in races.items():
        for speeds in there["speeds"].values():
            assert len(speeds) == bench.ROUNDS.get(race, bench.OTHERS) >= 5 and min(speeds) > 0


def test_each_contender_of_ours_is_there(bench, real_corpus):
    for module, name in {each for race in bench.RACES.values() for each in race.values()}:
        if module in ("ours", "limit", "chapter", "scale"):
            assert callable(getattr(importlib.import_module(module), name)), name
