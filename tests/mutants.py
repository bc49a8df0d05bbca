"""Does a quick test notice each small change of the package?  A pytest plugin, for `make mutants`.

mutmut makes the mutants: a function carries all its variants, and MUTANT_UNDER_TEST says which one
acts.  It would start pytest for each; here a process that has collected the tests is forked for
each, and the test that found the last mutant of a function is tried first on the next, since a
start takes ten times as long as most tests.
"""

import ast
import collections
import contextlib
import difflib
import fnmatch
import multiprocessing
import os
import re
import shutil
import signal
import sys
import time
from pathlib import Path

import pytest
import yaml
from mutmut.mutation import trampoline
from mutmut.mutation.file_mutation import mutate_file_contents
from tqdm import tqdm

ROOT = Path(__file__).parent.parent
MUTATED = ROOT / "_build" / "mutants"
HARMLESS = yaml.safe_load((ROOT / "tests" / "harmless.yml").read_text())
LONGEST = 2  # seconds; a slower test counts only for functions that no quicker one calls
SCORE = 0.95

variants = {}  # module.function: {mutant: its code, the original first}
items = []  # the tests
calls = collections.defaultdict(dict)  # function: {test's number: seconds}
left_out = []  # tests that fail without a mutant


def mutate():
    """Write the package with its mutants, and have Python import that one."""
    aside = shutil.ignore_patterns("*.py", "*.pyc", "*.egg-info")
    shutil.copytree(ROOT / "src", MUTATED, ignore=aside, dirs_exist_ok=True)
    for path in (ROOT / "src").rglob("*.py"):
        copy = MUTATED / path.relative_to(ROOT / "src")
        if not copy.exists() or copy.stat().st_mtime < path.stat().st_mtime:
            copy.write_text(mutate_file_contents(str(path), path.read_text()).code)
        code = copy.read_text()
        module = ".".join(copy.relative_to(MUTATED).with_suffix("").parts).removesuffix(".__init__")
        lines = code.splitlines()
        for node in ast.walk(ast.parse(code)):
            if isinstance(node, ast.FunctionDef) and "__mutmut_" in node.name:
                function, _, number = node.name.partition("__mutmut_")
                head = lines[node.lineno - 1].replace(node.name, "")
                body = [head, *lines[node.lineno : node.end_lineno]]
                variants.setdefault(f"{module}.{function}", {})[number] = body
    sys.path.insert(0, str(MUTATED))
    os.environ["PYTHONPATH"] = str(MUTATED)


mutate()


def pytest_addoption(parser):
    parser.addoption("--mutants", default="*", help="those of these functions: 'd2l_gru.text.*'")


@contextlib.contextmanager
def child(limit=0):
    """Fork; the child gets a function that sends words and ends it, the parent what it sent."""
    receive, send = os.pipe()
    if pid := os.fork():
        os.close(send)
        with open(receive) as said:
            yield None, said.read()
        os.waitpid(pid, 0)
        return
    signal.alarm(limit)  # ends one that hangs
    try:
        yield lambda words: os.write(send, words.encode()), None
    finally:
        os._exit(0)


def fails(item):
    before = item.session.testsfailed
    item.ihook.pytest_runtest_protocol(item=item, nextitem=None)
    return item.session.testsfailed > before


def measure():
    """Find out in one run of all tests which functions each calls, and how long it takes."""
    with child() as (tell, said):
        if tell:
            trampoline._mutant_under_test = "stats"
            for number, item in enumerate(items):
                called = set()
                trampoline.record_trampoline_hit = lambda name, caller, add=called.add: add(name)
                start = time.perf_counter()
                failed = fails(item)
                seconds = time.perf_counter() - start
                tell(f"{number} {seconds} {failed:d} {' '.join(called)}\n")
    for line in said.splitlines():
        number, seconds, failed, *called = line.split()
        if failed == "1":
            left_out.append(items[int(number)].nodeid)
        for function in called if failed == "0" else ():
            calls[function][int(number)] = float(seconds)


def find(function):
    """Return the function and {mutant: the test that fails}; the test is None if none does."""
    quick = {n: seconds for n, seconds in calls[function].items() if seconds < LONGEST}
    quick = quick or calls[function]
    order = sorted(quick, key=quick.get)
    found = {}
    for number in variants[function]:
        if number == "orig":
            continue
        with child(int(20 + 10 * sum(quick.values()))) as (tell, said):
            if tell:
                os.environ["MUTANT_UNDER_TEST"] = f"{function}__mutmut_{number}"
                tell(next((f"{n}" for n in order if fails(items[n])), "none"))
        found[number] = None if said == "none" else items[int(said)].nodeid if said else "(crash)"
        if said.isdigit():
            order.remove(int(said))
            order.insert(0, int(said))
    return function, found


def change(function, number):
    """Return what a mutant has in the place of what, each in one line."""
    lines = [*difflib.ndiff(variants[function]["orig"], variants[function][number])]
    return [" ".join(line[2:].strip() for line in lines if line[0] == sign) for sign in "-+"]


def harmless(name, new):
    """Return why a mutant is one that nobody could tell from the package, if it is listed."""
    listed = HARMLESS["any function"] | HARMLESS.get(name, {})
    return next((why for pattern, why in listed.items() if re.search(pattern, new)), None)


def readable(function):
    """Return "data.Vocab.to_tokens" for mutmut's "d2l_gru.text.xǁVocabǁto_tokens"."""
    module, _, name = function.removeprefix("d2l_gru.").rpartition(".")
    return f"{module}.{name.removeprefix('x').removeprefix('_').replace('ǁ', '.').lstrip('.')}"


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session):
    """Try all mutants in the place of running the tests."""
    if session.config.option.collectonly:
        return None
    items.extend(session.items)
    measure()
    functions = fnmatch.filter(variants, session.config.option.mutants)
    results, capture = {}, session.config.pluginmanager.getplugin("capturemanager")
    with (
        multiprocessing.get_context("fork").Pool(os.cpu_count()) as pool,
        capture.global_and_fixture_disabled(),
    ):
        each = pool.imap_unordered(find, sorted(functions))
        with contextlib.suppress(KeyboardInterrupt):  # what was tried by then is reported
            results.update(tqdm(each, total=len(functions), unit="function", leave=False))
        session.testsfailed = int(report(results) < SCORE)
    return True


def report(results):
    """Write the mutants that were not found, and print and return the share of those that were."""
    count, lines = collections.Counter(), []
    for function, found in results.items():
        if not calls[function]:
            count["untried"] += len(found)
            lines.append(f"{readable(function)}: no quick test calls it, {len(found)} mutants\n")
            continue
        count["tried"] += len(found)
        for number in [number for number, test in found.items() if not test]:
            old, new = change(function, number)
            why = harmless(readable(function), new)
            count["harmless" if why else "missed"] += 1
            why = why or "NO TEST FAILS"
            lines.append(f"{readable(function)} ({number})\n  - {old}\n  + {new}\n  {why}\n")
    (MUTATED / "survivors.txt").write_text("\n".join(sorted(lines)))
    found = count["tried"] - count["harmless"] - count["missed"]
    share = found / max(1, count["tried"])
    print(*[f"Left out, since it fails without a mutant: {test}" for test in left_out], sep="\n")
    print(f"{found} of {count['tried']} mutants are found ({share:.1%}); {dict(count)}")
    print("See _build/mutants/survivors.txt")
    return share
