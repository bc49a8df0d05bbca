"""Runs that are stopped and go on: the same, bit for bit, as one that was never stopped."""

import codecs
import dataclasses
import hashlib
import multiprocessing
import os
import platform
import random
import signal
import sys
import time
from fractions import Fraction
from itertools import cycle, islice
from pathlib import Path
from types import SimpleNamespace

import mxnet
import numpy
import pytest
from mxnet import cpu
from mxnet.gluon import rnn

import d2l_gru as d2l
from d2l_gru import checkpoint, corpus
from d2l_gru.__main__ import main
from d2l_gru.runs.run import Run, Setting, load_model, read_checkpoint, read_text

TEXT = "Grüße! the quick brown fox jumps over the lazy dog, and the dog does not mind. " * 6


@pytest.fixture
def text(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text(TEXT, encoding="utf-8")
    return path


def small(text, **changed):
    setting = {"corpus": str(text), "num_hiddens": 8, "batch_size": 4, "num_steps": 9}
    return Setting(**{**setting, "num_epochs": 3, "seed": 5, "clip": 0.2, **changed})


def finish(run):
    while not run.done:
        for _ in run.updates_of_epoch():
            pass
    return run


def values(model):
    return [param.asnumpy() for param in model.parameters()]


def same(a, b):
    return all(numpy.array_equal(x, y) for x, y in zip(values(a), values(b), strict=True))


KINDS = [(model, order) for model in ("scratch", "concise") for order in (False, True)]
each_kind = pytest.mark.parametrize(("model", "use_random_iter"), KINDS)


def test_the_defaults_are_the_book_s():
    expected = ["concise", "timemachine", 10_000, 256, 1, 32, 35, 500, 1.0, 1.0, False, 0]
    assert list(dataclasses.asdict(Setting()).values()) == expected


@each_kind
def test_a_run_is_what_train_does(text, model, use_random_iter):
    setting = small(text, model=model, use_random_iter=use_random_iter)
    run = finish(Run(setting, cpu()))
    d2l.set_seed(5)
    ids, vocab, _ = read_text(str(text), -1)
    loader = d2l.SeqDataLoader(ids, 4, 9, use_random_iter)
    if model == "scratch":
        other = d2l.RNNModelScratch(
            len(vocab), 8, cpu(), d2l.get_params, d2l.init_gru_state, d2l.gru
        )
    else:
        other = d2l.RNNModel(rnn.GRU(8), len(vocab))
    history = d2l.train(other, loader, 1, 3, cpu(), clip=0.2)
    assert history.perplexity == run.history.perplexity
    assert history.gradient_norm == run.history.gradient_norm
    assert same(run.model, other) and max(history.gradient_norm) > 0.2


@each_kind
def test_a_run_goes_on_from_any_update(text, tmp_path, model, use_random_iter):
    setting = small(text, model=model, use_random_iter=use_random_iter)
    whole = finish(Run(setting, cpu()))
    run, lives = Run(setting, cpu()), 0
    while not run.done:
        for _ in islice(run.updates_of_epoch(), 4):
            pass
        run.save(tmp_path / "kept")
        random.random()  # whatever else draws between two lives
        run = Run(setting, cpu(), checkpoint.latest(tmp_path / "kept")[1:])
        lives += 1
    assert lives > 6 and run.updates == whole.updates
    assert run.history.perplexity == whole.history.perplexity
    assert run.history.gradient_norm == whole.history.gradient_norm
    assert same(run.model, whole.model)


@pytest.mark.slow
@each_kind
def test_a_run_goes_on_with_another_number_of_devices(text, tmp_path, model, use_random_iter):
    setting = small(text, model=model, use_random_iter=use_random_iter)
    whole = finish(Run(setting, cpu()))
    places = [[cpu(0), cpu(1)], cpu(), [cpu(i) for i in range(4)]] * 9
    run = Run(setting, places.pop())
    while not run.done:
        for _ in islice(run.updates_of_epoch(), 4):
            pass
        run.save(tmp_path / "kept")
        run = Run(setting, places.pop(), checkpoint.latest(tmp_path / "kept")[1:])
    assert len(places) < 22 and run.updates == whole.updates
    assert run.history.perplexity == pytest.approx(whole.history.perplexity, rel=1e-5)
    for a, b in zip(values(run.model), values(whole.model), strict=True):
        numpy.testing.assert_allclose(a, b, atol=1e-5)


@each_kind
def test_a_short_run_goes_on_from_each_update_and_anywhere(text, tmp_path, model, use_random_iter):
    text.write_text(TEXT[:36], encoding="utf-8")  # three minibatches
    size = {"num_hiddens": 3, "batch_size": 2, "num_steps": 5, "num_epochs": 2}
    setting = small(text, model=model, use_random_iter=use_random_iter, **size)
    whole = finish(Run(setting, cpu()))
    places, run, start = cycle([[cpu(0), cpu(1)], cpu()]), Run(setting, cpu()), time.perf_counter()
    while not run.done:
        updates, epoch, seconds = run.updates, run.epoch, run.meter.seconds
        next(run.updates_of_epoch(), None)
        if run.epoch == epoch:
            assert run.updates == updates + 1
            assert seconds < run.meter.seconds < time.perf_counter() - start
        else:
            assert (run.epoch, run.batch, run.meter.seconds) == (epoch + 1, 0, 0)
            assert run.history.tokens_per_second[-1] > 30 / (time.perf_counter() - start)
        run.save(tmp_path / "kept")
        run = Run(setting, next(places), checkpoint.latest(tmp_path / "kept")[1:])
    assert run.updates == whole.updates == 6
    assert run.history.perplexity == pytest.approx(whole.history.perplexity, rel=1e-5)
    assert run.history.gradient_norm == pytest.approx(whole.history.gradient_norm, rel=1e-4)
    for a, b in zip(values(run.model), values(whole.model), strict=True):
        numpy.testing.assert_allclose(a, b, atol=1e-5)


@pytest.mark.parametrize(("max_tokens", "kept"), [(-1, len(TEXT)), (5, 5), (10_000, len(TEXT))])
def test_a_text_is_kept_as_far_as_asked(text, max_tokens, kept):
    ids, vocab, _ = read_text(str(text), max_tokens)
    assert "".join(vocab.to_tokens(ids)) == TEXT[:kept] and len(vocab) == len({*TEXT, "<unk>"})


@pytest.mark.parametrize("at_random", [True, False])
def test_a_state_is_carried_unless_minibatches_are_drawn_at_random(text, monkeypatch, at_random):
    run, given = Run(small(text, use_random_iter=at_random), cpu()), []
    whole = run._step
    monkeypatch.setattr(run, "_step", lambda *of: given.append(of[2]) or whole(*of))
    for _ in islice(run.updates_of_epoch(), 3):
        pass
    assert run.loader.use_random_iter is at_random
    assert [state is None for state in given] == [True, at_random, at_random]


def test_a_checkpoint_holds_all_of_its_moment(text, tmp_path):
    run = Run(small(text, model="scratch", num_epochs=7, max_tokens=200), cpu())
    for _ in run.updates_of_epoch():
        pass
    for _ in islice(run.updates_of_epoch(), 2):
        pass
    arrays, meta = checkpoint.load(run.save(tmp_path / "kept"))
    random_state = meta.pop("random_state")
    assert (random_state[0], tuple(random_state[1]), random_state[2]) == run.random_state
    assert meta == {
        "setting": dataclasses.asdict(run.setting),
        "optimiser": {"name": "sgd", "lr": 1.0},
        "corpus_sha256": hashlib.sha256(text.read_bytes()).hexdigest(),
        "vocab": [list(pair) for pair in run.vocab.token_freqs],
        "prefix": "Grüße!",
        "epoch": 2,
        "batch": 2,
        "updates": 7,
        "num_tokens": 2 * 4 * 9,
        "seconds": run.meter.seconds,
        "history": dataclasses.asdict(run.history),
        "versions": {"python": platform.python_version(), "mxnet": mxnet.__version__},
    }
    for i, param in enumerate(run.model.parameters()):
        numpy.testing.assert_array_equal(arrays.pop(f"parameter {i}"), param.asnumpy())
    numpy.testing.assert_array_equal(arrays.pop("state 0"), run.state[0].asnumpy())
    assert {name: (array.dtype, float(array)) for name, array in arrays.items()} == {
        "loss": ("float32", float(run.meter.total)),
        "largest norm": ("float32", float(run.meter.largest)),
    }


def test_all_of_a_run_lives_on_its_device(text, tmp_path):
    begun = Run(small(text), cpu(1))
    fresh = [begun.meter.total, begun.meter.largest]
    next(begun.updates_of_epoch())
    kept = checkpoint.load(begun.save(tmp_path / "kept"))
    for run in (begun, Run(begun.setting, cpu(1), kept)):
        held = [*run.state, run.meter.total, run.meter.largest, *run.model.parameters()]
        assert {array.ctx for array in fresh + held} == {cpu(1)}


class Second:
    """A store on this machine that calls itself that of the second worker of two."""

    rank, num_workers = 1, 2

    def __init__(self):
        self.local = mxnet.kv.create("local")

    def __getattr__(self, name):
        return getattr(self.local, name)


@pytest.mark.parametrize("model", ["scratch", "concise"])
def test_a_worker_takes_its_rows_and_leaves_saving_to_the_first(text, tmp_path, model):
    begun = Run(small(text, model=model), cpu())
    next(begun.updates_of_epoch())
    kept = checkpoint.load(begun.save(tmp_path / "kept"))
    run = Run(begun.setting, [cpu(0)], kept, Second())
    assert run.rank == 1 and begun.rank == 0 and run.device == cpu(0)
    numpy.testing.assert_array_equal(run.state[0][0].asnumpy(), kept[0]["state 0"][..., 2:, :])
    assert (
        float(run.meter.total) == 0 < float(begun.meter.total)
    )  # the sum over workers counts it once
    assert float(run.meter.largest) == float(begun.meter.largest)
    assert run.save(tmp_path / "other") is None and not (tmp_path / "other").exists()
    next(run.updates_of_epoch())
    assert (run.updates, run.batch, run.meter.num_tokens) == (2, 2, 2 * 36)


def test_workers_agree_on_what_they_do(text):
    run = Run(small(text), cpu())
    assert run.wants(True, False) == (True, False) and run.wants(0, 1) == (False, True)

    def beside(other):
        return SimpleNamespace(sum_over_workers=lambda own: numpy.float32(own) + other)

    for other in ([0, 0], [0, 1], [1, 0], [1, 1]):
        run.parallel = beside(other)
        wanted = run.wants(True, False), run.wants(False, False)
        assert wanted == ((True, bool(other[1])), (bool(other[0]), bool(other[1])))
    here = [4095, 4095, 4095]
    run.updates = 4095 * (1 + 4096 + 4096**2)
    for others in (0, 1, 16, 4095):
        run.parallel = beside([others, *(others * digit for digit in here)])
        run._check_that_workers_agree()
        for i in range(3):  # one of them is one update, or 4096, or 4096² behind
            digits = [others * digit for digit in here]
            digits[i] -= 1
            run.parallel = beside([others, *digits])
            with pytest.raises(ValueError) as caught:
                run._check_that_workers_agree()
    assert str(caught.value) == (
        "the workers of this job resume at different updates: give them one folder of "
        "checkpoints, on a file system that they share"
    )


def live(arguments, errors):
    """Do what `python -m d2l_gru` does, in this process; what it says goes to a file."""
    for stream in (1, 2):
        os.dup2(os.open(errors, os.O_WRONLY | os.O_CREAT | os.O_APPEND), stream)
    sys.exit(main(arguments))


@pytest.mark.slow
def test_killed_twenty_times_a_run_ends_the_same(text, tmp_path):
    rng, kills = random.Random(0), 0
    # Each life is forked from a process that has imported MXNet, and has done nothing with it.
    lives = multiprocessing.get_context("forkserver")
    lives.set_forkserver_preload(["d2l_gru.mxnet._backend"])
    for model, use_random_iter in KINDS:
        setting = small(text, model=model, use_random_iter=use_random_iter, num_epochs=12)
        folder, said = tmp_path / f"{model}-{use_random_iter}", tmp_path / "said"
        command = ["train", "--checkpoints", str(folder)]
        command += ["--checkpoint-every", "0", "--device", "cpu"]
        first = ["--corpus", setting.corpus, "--model", model, "--num-hiddens", "8"]
        first += ["--batch-size", "4", "--num-steps", "9", "--num-epochs", "12"]
        first += ["--seed", "5", "--clip", "0.2", *(["--random"] if use_random_iter else [])]
        for here in range(6):
            before = checkpoint.paths(folder)
            more = ["--resume"] if before else first
            life = lives.Process(target=live, args=([*command, *more], str(said)))
            life.start()
            if here < 5:
                deadline = time.monotonic() + 60
                while checkpoint.paths(folder) == before and time.monotonic() < deadline:
                    time.sleep(0.005)
                time.sleep(rng.uniform(0, 0.05))
                life.kill()
            life.join(120)
            assert life.exitcode == (-signal.SIGKILL if here < 5 else 0), said.read_text()
            assert "not used" not in said.read_text()
            kills += here < 5
        whole = finish(Run(setting, cpu()))
        arrays, meta = checkpoint.load(checkpoint.paths(folder)[0])
        assert meta["epoch"] == 13 and meta["updates"] == whole.updates
        assert meta["history"]["perplexity"] == whole.history.perplexity
        assert same(load_model(arrays, meta, cpu())[0], whole.model)
    assert kills == 20


def test_another_text_is_refused_and_named(text, tmp_path):
    run = Run(small(text), cpu())
    run.save(tmp_path / "kept")
    text.write_text(TEXT + "!", encoding="utf-8")
    there = hashlib.sha256(text.read_bytes()).hexdigest()
    said = f"the checkpoint was trained on a text of SHA-256 {run.sha256[:16]}, "
    said += f"but {text} has {there[:16]}"
    with pytest.raises(ValueError, match=f"^{said}$"):
        Run(run.setting, cpu(), checkpoint.latest(tmp_path / "kept")[1:])


def test_a_loaded_model_completes_as_the_trained_one(text, tmp_path):
    run = finish(Run(small(text), cpu()))
    arrays, meta = checkpoint.load(run.save(tmp_path / "kept"))
    text.unlink()  # it is not needed any more
    model, vocab = load_model(arrays, meta, cpu())
    assert vocab.idx_to_token == run.vocab.idx_to_token
    assert vocab.token_freqs == run.vocab.token_freqs
    ours = d2l.predict("Grüße", 20, run.model, run.vocab, cpu())
    assert d2l.predict("Grüße", 20, model, vocab, cpu()) == ours
    arrays["parameter 0"][:] = numpy.nan
    with pytest.raises(ValueError, match="^the parameters are not finite: the training diverged$"):
        load_model(arrays, meta, cpu())


@pytest.mark.parametrize(
    ("model", "num_layers", "number"), [("scratch", 1, 11), ("concise", 1, 6), ("concise", 2, 10)]
)
def test_a_run_has_the_model_of_its_setting(text, tmp_path, model, num_layers, number):
    elsewhere = cpu(1)
    run = Run(small(text, model=model, num_layers=num_layers), elsewhere)
    assert isinstance(run.model, d2l.RNNModelScratch) == (model == "scratch")
    assert [param.ctx for param in run.model.parameters()] == [elsewhere] * number
    next(run.updates_of_epoch())
    (H,) = run.state
    assert H.shape == ((4, 8) if model == "scratch" else (num_layers, 4, 8))
    kept = checkpoint.load(run.save(tmp_path / "kept"))
    resumed = Run(run.setting, elsewhere, kept)
    assert {
        array.ctx for array in (*resumed.state, resumed.meter.total, resumed.meter.largest)
    } == {elsewhere}
    loaded, _ = load_model(*kept, elsewhere)
    assert [param.ctx for param in loaded.parameters()] == [elsewhere] * number
    assert same(loaded, run.model)


def test_two_runs_from_one_checkpoint_share_nothing(text, tmp_path):
    begun = Run(small(text), cpu())
    next(begun.updates_of_epoch())
    kept = checkpoint.load(begun.save(tmp_path / "kept"))
    one, two = finish(Run(begun.setting, cpu(), kept)), finish(Run(begun.setting, cpu(), kept))
    assert one.history.perplexity == two.history.perplexity
    assert one.history.perplexity is not two.history.perplexity
    assert kept[1]["history"]["perplexity"] == []


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("setting", None, "must be a mapping"),
        ("setting", {"hiddens": 8}, "'hiddens'"),
        ("setting", {"corpus": 5}, "corpus must be the path of a text, not 5"),
        ("setting", {"use_random_iter": 1}, "use_random_iter must be a bool, not 1"),
        ("setting", {"num_hiddens": 10**9}, "state 0 must have shape.*1000000000"),
        ("setting", {"num_layers": 10**9}, "state 0 must have shape"),
        ("prefix", 5, "prefix must be a str, not 5"),
        ("corpus_sha256", 5, "corpus_sha256 must be a str, not 5"),
        ("vocab", [["a", 1], ["a", 1]], "vocab must hold pairs.*each token once"),
        ("vocab", [["<unk>", 1]], "vocab must hold pairs"),
        ("vocab", [["a", -1]], "count must be >= 0, not -1"),
        ("epoch", 0, "epoch must be >= 1, not 0"),
        ("epoch", 2, "history's perplexity must have 1 entries"),
        ("batch", 2.5, "batch must be a whole number"),
        ("num_tokens", 1, "num_tokens must be 36 after batch 1"),
        ("seconds", float("nan"), "seconds must be finite and >= 0, not nan"),
        ("random_state", [3, [10**400] * 625, None], "random_state"),
        ("random_state", [3, [1] * 625, "a"], "random_state must end with a number or None"),
        ("random_state", [2, [1], None], "no checkpoint of a run"),
        ("history", {"perplexity": ["a"]}, "history's perplexity must be a list of numbers"),
    ],
)
def test_a_checkpoint_that_no_run_wrote_is_refused(text, tmp_path, name, value, said):
    begun = Run(small(text), cpu())
    next(begun.updates_of_epoch())
    arrays, meta = checkpoint.load(begun.save(tmp_path / "kept"))
    wrong = meta | {name: {**meta[name], **value} if isinstance(value, dict) else value}
    if name == "setting" and value and "num_layers" in value:
        arrays.pop("state 0")
        wrong |= {"batch": 0, "num_tokens": 0}
        said = "lacks 'parameter 8'|parameter 4 must have shape"
    for read in (
        lambda: Run(begun.setting, cpu(), (arrays, wrong)),
        lambda: load_model(arrays, wrong, cpu()),
    ):
        with pytest.raises(ValueError, match=said):
            read()
    if name == "prefix":
        return  # checkpoints of earlier versions have none
    del wrong[name]
    with pytest.raises(ValueError, match=f"it is no checkpoint of a run: it lacks '{name}'"):
        load_model(arrays, wrong, cpu())
    path = checkpoint.save(tmp_path / "wrong", arrays, wrong, 1)
    for where in (path, path.parent):
        with pytest.raises(ValueError, match=f"{path}: it is no checkpoint of a run"):
            read_checkpoint(where)


def test_arrays_that_no_run_wrote_are_refused(text, tmp_path):
    begun = Run(small(text), cpu())
    next(begun.updates_of_epoch())
    arrays, meta = checkpoint.load(begun.save(tmp_path / "kept"))
    for wrong, said in [
        ({"more": arrays["loss"]}, "'more', which no run saves"),
        ({"loss": arrays["loss"].astype("float64")}, "loss must be float32, not float64"),
        ({"parameter 1": arrays["parameter 0"]}, "parameter 1 must have shape"),
    ]:
        with pytest.raises(ValueError, match=said):
            load_model(arrays | wrong, meta, cpu())
    other = meta | {"vocab": [[token + "!", count] for token, count in meta["vocab"]]}
    with pytest.raises(ValueError, match="^the checkpoint's vocabulary is not that of its text$"):
        Run(begun.setting, cpu(), (arrays, other))


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"model": "lstm"}, "'lstm'"),
        ({"num_hiddens": 0}, "num_hiddens must be >= 1, not 0"),
        ({"num_epochs": 1.5}, "num_epochs.*1.5"),
        ({"model": "scratch", "num_layers": 2}, "num_layers must be 1.*2"),
        ({"lr": -1}, "lr.*-1"),
        ({"lr": 10**400}, "lr must be finite"),
        ({"corpus": "a\0"}, "corpus must be the path of a text"),
        ({"max_tokens": 0}, "max_tokens.*0"),
        ({"clip": 0}, "clip.*None.*0"),
        ({"seed": -1}, "seed.*-1"),
        ({"num_layers": 0}, "num_layers must be >= 1, not 0"),
        ({"batch_size": 0}, "batch_size must be >= 1, not 0"),
        ({"num_steps": 0}, "num_steps must be >= 1, not 0"),
        ({"corpus": 5}, "corpus must be the path of a text, not 5"),
        ({"use_random_iter": 1}, "use_random_iter must be a bool, not 1"),
        ({"seed": 2**31}, "seed must be < 2\\*\\*31, not 2147483648"),
        ({"num_hiddens": numpy.bool_(True)}, "num_hiddens must be a whole number"),
        ({"lr": numpy.bool_(True)}, "lr.*must be a number"),
        ({"max_tokens": -1.0}, "max_tokens"),
        ({"corpus": b"text"}, "corpus must be the path of a text, not b'text'"),
        ({"corpus": ""}, "corpus must be the path of a text, not ''"),
        ({"model": b"concise"}, "model must be 'scratch' or 'concise', not b'concise'"),
        ({"model": ["concise"]}, "model must be"),
    ],
)
def test_a_bad_setting_is_named(changed, said, snapshot):
    with pytest.raises((ValueError, TypeError), match=said) as caught:
        Setting(**changed)
    assert str(caught.value) == snapshot


def test_the_least_setting_is_good(tmp_path):
    names = ("max_tokens", "num_hiddens", "num_layers", "batch_size", "num_steps", "num_epochs")
    least = dict.fromkeys(names, 1) | {"lr": 1e-9, "clip": 1e-9, "seed": 0}
    for model in ("scratch", "concise"):
        assert Setting(model=model, corpus=tmp_path, **least).num_hiddens == 1
    assert Setting(max_tokens=-1, clip=None, num_layers=2).clip is None


NUMPY = {  # a value, and what a checkpoint holds
    "model": (numpy.str_("scratch"), "scratch"),
    "corpus": (Path("a folder") / "text", "a folder/text"),
    "max_tokens": (numpy.int64(-1), -1),
    "num_hiddens": (numpy.int64(4), 4),
    "num_epochs": (numpy.uint8(2), 2),
    "lr": (numpy.float32(0.5), 0.5),
    "clip": (Fraction(1, 4), 0.25),
    "use_random_iter": (numpy.bool_(True), True),
    "seed": (numpy.int32(7), 7),
}


@pytest.mark.parametrize("name", NUMPY)
def test_a_setting_is_of_python_s_own_values(name):
    given, kept = NUMPY[name]
    found = getattr(Setting(**{name: given}), name)
    assert found == kept and type(found) is type(kept)


def test_a_run_with_numpy_s_values_is_saved_and_goes_on(text, tmp_path):
    given = {name: value for name, (value, _) in NUMPY.items() if name != "corpus"}
    run = Run(small(text, **given | {"corpus": text}), cpu())
    next(run.updates_of_epoch())
    arrays, meta = checkpoint.load(run.save(tmp_path / "kept"))
    assert Setting(**meta["setting"]) == run.setting
    assert finish(Run(run.setting, cpu(), (arrays, meta))).epoch == 3


def test_a_file_of_the_name_of_the_book_s_text_is_that_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "timemachine").write_text("my own")
    assert Setting(corpus=Path("timemachine")).corpus == "./timemachine"
    ids, vocab, _ = read_text(Path("timemachine"), -1)
    assert "".join(vocab.to_tokens(ids)) == "my own"


@pytest.mark.parametrize(
    ("own", "prefix"),
    [
        ("Abel\r\nCora\r\n", "Abel"),
        ("\ufeffThe lamp", "The"),
        ("\n\n  the ", "the"),
        ("Donaudampfschifffahrtsgesellschaft", "Donaudampfschifffahr"),
        ("\n \n ", "\n \n "),
        ("時間旅行者", "時間旅行者"),
    ],
)
def test_the_prefix_of_a_text_is_its_first_word(text, tmp_path, own, prefix):
    text.write_text(own * 9, encoding="utf-8", newline="")
    run = Run(small(text, batch_size=1, num_steps=2), cpu())
    assert run.prefix.startswith(prefix) and not run.prefix.startswith("\ufeff")
    _, meta = checkpoint.load(run.save(tmp_path / "kept"))
    assert meta["prefix"] == run.prefix and {*run.prefix} <= {*run.vocab.idx_to_token}


def test_a_byte_order_mark_is_no_token_but_in_older_checkpoints(text, tmp_path, monkeypatch):
    plain = read_text(text, -1)
    text.write_bytes(codecs.BOM_UTF8 + text.read_bytes())
    ids, vocab, sha256 = read_text(text, -1)
    assert ids == plain[0] and vocab.token_freqs == plain[1].token_freqs
    assert sha256 == hashlib.sha256(text.read_bytes()).hexdigest() != plain[2]

    def before(name, max_tokens, encoding=None):
        return read_text(name, max_tokens, "utf-8")

    monkeypatch.setattr("d2l_gru.runs.run.read_text", before)
    run = Run(small(text), cpu())
    assert "\ufeff" in run.vocab.idx_to_token
    next(run.updates_of_epoch())
    arrays, meta = checkpoint.load(run.save(tmp_path / "kept"))
    del meta["prefix"]
    monkeypatch.undo()
    whole, resumed = finish(run), finish(Run(run.setting, cpu(), (arrays, meta)))
    assert resumed.history.perplexity == whole.history.perplexity
    again = Run(run.setting, cpu(), checkpoint.load(resumed.save(tmp_path / "kept")))
    assert again.vocab.idx_to_token == run.vocab.idx_to_token


def test_the_book_s_text_is_the_one_of_the_book(monkeypatch):
    monkeypatch.setenv("D2L_GRU_DATA", "sample")
    ids, vocab, sha256 = read_text("timemachine", 50)
    expected, _ = d2l.load_corpus_time_machine(50)
    assert ids == expected and len(ids) == 50 and len(vocab) > 20
    assert sha256 == hashlib.sha256(corpus.find().path.read_bytes()).hexdigest()


def test_bad_texts_are_named(tmp_path):
    path = tmp_path / "text"
    with pytest.raises(FileNotFoundError, match=str(path)):
        read_text(str(path), -1)
    path.write_bytes(b"abc \xff")
    said = "'utf-8' codec can't decode byte 0xff in position 4: invalid start byte"
    with pytest.raises(ValueError, match=f"^{path} is not UTF-8: {said}$"):
        read_text(str(path), -1)
    path.write_bytes(b"")
    with pytest.raises(ValueError, match=f"^{path} is empty$"):
        read_text(str(path), -1)
    path.write_bytes(codecs.BOM_UTF8)
    with pytest.raises(ValueError, match=f"^{path} is empty$"):
        read_text(str(path), -1)
    path.write_text("abc", encoding="utf-16")
    with pytest.raises(ValueError, match=f"^{path} is not UTF-8"):
        read_text(str(path), -1)
    with pytest.raises(OSError, match="^/dev/zero is no file$"):
        read_text("/dev/zero", -1)
    path.write_text("abc")
    with pytest.raises(ValueError, match="max_tokens.*0"):
        read_text(str(path), 0)
    with pytest.raises(ValueError, match="3 tokens is shorter than one minibatch"):
        Run(small(path), cpu())
    assert read_text(str(path), 2)[0] == [1, 2]
