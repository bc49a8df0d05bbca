"""Runs that are stopped and go on: the same, bit for bit, as one that was never stopped."""

import codecs
import hashlib
import itertools
import platform
import random
from itertools import cycle, islice
from pathlib import Path
from types import SimpleNamespace

import frameworks
import numpy
import pytest
from mxnet import cpu
from test_parallel import Echo

import d2l_gru as d2l
from d2l_gru import checkpoint, corpus
from d2l_gru.runs import backends
from d2l_gru.runs.run import Run, Setting, load_model, read_checkpoint, read_text

TEXT = "Grüße! the quick brown fox jumps over the lazy dog, and the dog does not mind. " * 3
KINDS = [(model, order) for model in ("scratch", "concise") for order in (False, True)]
each_kind = pytest.mark.parametrize(("model", "use_random_iter"), KINDS)


@pytest.fixture
def text(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text(TEXT, encoding="utf-8")
    return path


def small(text, **changed):
    setting = {"corpus": str(text), "num_hiddens": 8, "batch_size": 4, "num_steps": 9}
    return Setting(**{**setting, "num_epochs": 2, "seed": 5, "clip": 0.2, **changed})


def finish(run):
    while not run.done:
        for _ in run.updates_of_epoch():
            pass
    return run


def begun(text, tmp_path, updates=1, device=None, **changed):
    """Return a run after some updates, and its checkpoint."""
    run = Run(small(text, **changed), device or cpu())
    for _ in islice(run.updates_of_epoch(), updates):
        pass
    return run, checkpoint.load(run.save(tmp_path / "kept"))


def values(run):
    return [run.framework.to_numpy(param) for param in run.model.parameters()]


def check_same(one, two, rtol=0.0):
    assert one.updates == two.updates
    assert one.history.perplexity == pytest.approx(two.history.perplexity, rel=rtol, abs=0)
    norms = pytest.approx(two.history.gradient_norm, rel=10 * rtol, abs=0)
    assert one.history.gradient_norm == norms
    for a, b in zip(values(one), values(two), strict=True):
        numpy.testing.assert_allclose(a, b, rtol=0, atol=rtol)


@each_kind
def test_a_run_is_what_train_does(framework, text, model, use_random_iter):
    setting = small(text, model=model, use_random_iter=use_random_iter)
    whole, package = finish(Run(setting, framework.cpu)), framework.d2l
    package.set_seed(5)
    ids, vocab, _ = read_text(str(text), -1)
    unknown = {"input_size": 0} if framework.name == "mxnet" else {}  # as a run leaves it to Gluon
    other = framework.drawn(model, len(vocab), 8, **unknown)
    loader = package.SeqDataLoader(ids, 4, 9, use_random_iter)
    history = package.train(other, loader, 1, 2, framework.cpu, clip=0.2)
    assert history.perplexity == whole.history.perplexity
    assert history.gradient_norm == whole.history.gradient_norm
    assert max(history.gradient_norm) > 0.2 and type(other) is type(whole.model)
    for a, b in zip(values(whole), framework.values(other), strict=True):
        numpy.testing.assert_array_equal(a, b)


SEVERAL = [[cpu(0), cpu(1)], cpu(), [cpu(i) for i in range(4)]]


@each_kind
@pytest.mark.parametrize(
    ("name", "places", "rtol"),
    [("mxnet", None, 0), ("mxnet", SEVERAL, 1e-5), ("torch", None, 0)],
)
def test_a_run_goes_on_from_each_update_and_with_any_number_of_devices(
    text, tmp_path, monkeypatch, name, places, rtol, model, use_random_iter
):
    device = frameworks.of(name).cpu
    text.write_text(TEXT[:40], encoding="utf-8")
    setting = small(
        text, model=model, use_random_iter=use_random_iter, num_hiddens=3, num_steps=3
    )  # three minibatches
    whole = finish(Run(setting, device))
    clock = itertools.count()  # so that each update takes a second at least
    monkeypatch.setattr("time.perf_counter", lambda: next(clock))
    places = cycle(places or [device])
    run = Run(setting, device)
    while not run.done:
        updates, epoch = run.updates, run.epoch
        next(run.updates_of_epoch(), None)
        if run.epoch == epoch:
            assert run.updates == updates + 1 and run.meter.seconds >= run.batch
        else:
            assert (run.epoch, run.batch, run.meter.seconds) == (epoch + 1, 0, 0)
            assert run.history.tokens_per_second[-1] <= 3 * 4 * 3 / 3
        run.save(tmp_path / "kept")
        random.random()  # whatever else draws between two lives
        run = Run(setting, next(places), checkpoint.latest(tmp_path / "kept")[1:])
    assert run.updates == 6
    check_same(run, whole, rtol)


@pytest.mark.parametrize(
    "changed",
    [{"model": "scratch"}, {"num_layers": 2}, {"use_random_iter": True}],
)
def test_a_run_with_one_framework_goes_on_with_the_other(text, tmp_path, torch, changed):
    """From the middle of an epoch, with state, losses, random numbers and all."""
    on_torch = torch.device("cpu")
    names = [backends.of(device).__name__ for device in (cpu(), on_torch)]
    assert names == ["d2l_gru.mxnet._backend", "d2l_gru.torch._backend"]
    for first, second in ((cpu(), on_torch), (on_torch, cpu())):
        run, kept = begun(text, tmp_path / str(first), 3, first, **changed)
        here, there = finish(Run(run.setting, first, kept)), Run(run.setting, second, kept)
        assert here.framework is not there.framework
        versions = {"python": platform.python_version()} | here.framework.VERSION
        assert kept[1]["versions"] == versions
        assert kept[1]["optimiser"] == {"name": "sgd", "lr": 1.0}
        check_same(finish(there), here, 1e-5)


def test_pytorch_takes_one_device(text, torch):
    for devices, more in (([torch.device("cpu")] * 2, {}), (torch.device("cpu"), {"store": "a"})):
        with pytest.raises(ValueError, match="^several devices or workers need MXNet; with PyT"):
            Run(small(text), devices, **more)


@pytest.mark.parametrize(
    ("model", "num_layers", "number", "shape"),
    [("scratch", 1, 11, (4, 8)), ("concise", 1, 6, (1, 4, 8)), ("concise", 2, 10, (2, 4, 8))],
)
def test_a_run_has_the_model_of_its_setting_and_all_of_it_on_its_device(
    text, tmp_path, model, num_layers, number, shape
):
    elsewhere = cpu(1)
    setting = {"model": model, "num_layers": num_layers}
    fresh = Run(small(text, **setting), elsewhere)
    run, kept = begun(text, tmp_path, device=elsewhere, **setting)
    resumed = Run(run.setting, elsewhere, kept)
    assert isinstance(run.model, d2l.RNNModelScratch) == (model == "scratch")
    held = [fresh.meter.total, fresh.meter.largest]
    for each in (run, resumed):
        assert [H.shape for H in each.state] == [shape]
        held += [*each.state, each.meter.total, each.meter.largest, *each.model.parameters()]
    loaded, vocab = load_model(*kept, elsewhere)
    assert d2l.predict("the", 2, loaded, vocab, elsewhere, 0.5).startswith("the")
    assert {array.ctx for array in [*held, *loaded.parameters()]} == {elsewhere}
    for a, b in zip(loaded.parameters(), run.model.parameters(), strict=True):
        assert (a == b).all()
    assert len(held) == 2 + 2 * (3 + number)


@pytest.mark.parametrize("model", ["scratch", "concise"])
def test_a_worker_takes_its_rows_and_leaves_saving_to_the_first(text, tmp_path, model):
    first, kept = begun(text, tmp_path, model=model)
    run = Run(first.setting, [cpu(0)], kept, Echo())
    assert run.rank == 1 and first.rank == 0 and run.device == cpu(0)
    numpy.testing.assert_array_equal(run.state[0][0].asnumpy(), kept[0]["state 0"][..., 2:, :])
    # The sum over workers counts it once.
    assert float(run.meter.total) == 0 < float(first.meter.total)
    assert float(run.meter.largest) == float(first.meter.largest)
    assert run.save(tmp_path / "other") is None and not (tmp_path / "other").exists()
    next(run.updates_of_epoch())
    assert (run.updates, run.batch, run.meter.num_tokens) == (2, 2, 2 * 36)


def test_workers_agree_on_what_they_do(text):
    run = Run(small(text), cpu())
    assert run.wants(True, False) == (True, False) and run.wants(0, 1) == (False, True)

    def beside(other):
        return SimpleNamespace(sum_over_workers=lambda own: numpy.float32(own) + other)

    for save, stop in itertools.product([0, 1], repeat=2):
        run.parallel = beside([save, stop])
        assert run.wants(True, False) == (True, bool(stop))
        assert run.wants(False, False) == (bool(save), bool(stop))
    run.updates = 4095 * (1 + 4096 + 4096**2)
    for others in (0, 1, 16, 4095):
        there = numpy.array([others] + [others * 4095] * 3)
        run.parallel = beside(there)
        run._check_that_workers_agree()
        for i in (1, 2, 3):  # one of them is one update, or 4096, or 4096² behind
            run.parallel = beside(there - numpy.eye(4)[i])
            with pytest.raises(ValueError, match="^the workers of this job resume at different"):
                run._check_that_workers_agree()


def test_another_text_is_refused_and_named(text, tmp_path):
    run, kept = begun(text, tmp_path)
    other = kept[1] | {"vocab": [[token + "!", count] for token, count in kept[1]["vocab"]]}
    with pytest.raises(ValueError, match="^the checkpoint's vocabulary is not that of its text$"):
        Run(run.setting, cpu(), (kept[0], other))
    text.write_text(TEXT + "!", encoding="utf-8")
    there = hashlib.sha256(text.read_bytes()).hexdigest()
    said = f"the checkpoint was trained on a text with SHA-256 {run.sha256[:16]}, "
    said += f"but {text} has {there[:16]}"
    with pytest.raises(ValueError, match=f"^{said}$"):
        Run(run.setting, cpu(), kept)


def test_a_loaded_model_completes_as_the_trained_one(framework, text, tmp_path):
    run, (arrays, meta) = begun(text, tmp_path, 9, framework.cpu)
    text.unlink()  # it is not needed any more
    expected = framework.d2l.predict("Grüße", 20, run.model, run.vocab, framework.cpu)
    for name in ("mxnet", "torch"):
        other = frameworks.of(name)
        model, vocab = load_model(arrays, meta, other.cpu)
        assert vocab.idx_to_token == run.vocab.idx_to_token
        assert vocab.token_freqs == run.vocab.token_freqs
        assert other.d2l.predict("Grüße", 20, model, vocab, other.cpu) == expected
    arrays["parameter 0"][:] = numpy.nan
    with pytest.raises(ValueError, match="^the parameters are not finite: the training diverged$"):
        load_model(arrays, meta, framework.cpu)


def test_two_runs_from_one_checkpoint_share_nothing(text, tmp_path):
    first, kept = begun(text, tmp_path)
    one, two = (finish(Run(first.setting, cpu(), kept)) for _ in range(2))
    assert one.history.perplexity == two.history.perplexity
    assert one.history.perplexity is not two.history.perplexity
    assert kept[1]["history"]["perplexity"] == []


def test_a_checkpoint_that_no_run_wrote_is_refused_wherever_it_is_read(text, tmp_path):
    run, (arrays, meta) = begun(text, tmp_path)
    del meta["epoch"]
    path = checkpoint.save(tmp_path / "wrong", arrays, meta, 1)
    for read, where in (
        (lambda: Run(run.setting, cpu(), (arrays, meta)), ""),
        (lambda: load_model(arrays, meta, cpu()), ""),
        (lambda: read_checkpoint(path), f"{path}: "),
        (lambda: read_checkpoint(path.parent), f"{path}: "),
    ):
        with pytest.raises(ValueError, match=f"^{where}.* missing 'epoch'$"):
            read()


# Texts.


def test_the_book_s_text_is_the_one_of_the_book_and_a_file_of_its_name_is_that_file(
    tmp_path, monkeypatch
):
    monkeypatch.setenv("D2L_GRU_DATA", "sample")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "timemachine").write_bytes(b"my\r\nown")
    ids, vocab, sha256 = read_text("timemachine", 50)
    expected, _ = d2l.load_corpus_time_machine(50)
    assert ids == expected and len(ids) == 50 and len(vocab) > 20
    assert sha256 == hashlib.sha256(corpus.find().path.read_bytes()).hexdigest()
    ids, vocab, _ = read_text(Path("timemachine"), -1)
    assert "".join(vocab.to_tokens(ids)) == "my\r\nown"


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
    run, (_, meta) = begun(text, tmp_path, 0, batch_size=1, num_steps=2)
    assert run.prefix.startswith(prefix) and not run.prefix.startswith("\ufeff")
    assert meta["prefix"] == run.prefix and {*run.prefix} <= {*run.vocab.idx_to_token}


def test_a_byte_order_mark_is_no_token_but_in_older_checkpoints(text, tmp_path, monkeypatch):
    plain = read_text(text, -1)
    text.write_bytes(codecs.BOM_UTF8 + text.read_bytes())
    ids, vocab, sha256 = read_text(text, -1)
    assert ids == plain[0] and vocab.token_freqs == plain[1].token_freqs
    assert sha256 == hashlib.sha256(text.read_bytes()).hexdigest() != plain[2]
    with monkeypatch.context() as older:
        older.setattr("d2l_gru.runs.run.read_text", lambda *of: read_text(*of[:2], "utf-8"))
        run, (arrays, meta) = begun(text, tmp_path)
    assert "\ufeff" in run.vocab.idx_to_token
    del meta["prefix"]
    resumed = finish(Run(run.setting, cpu(), (arrays, meta)))
    check_same(resumed, finish(run))
    again = Run(run.setting, cpu(), checkpoint.load(resumed.save(tmp_path / "kept")))
    assert again.vocab.idx_to_token == run.vocab.idx_to_token


UNREADABLE = "{path} is not UTF-8: 'utf-8' codec can't decode byte 0xff in position 4: "
UNREADABLE += "invalid start byte"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "[Errno 2] No such file or directory: '{path}'"),
        (b"abc \xff", UNREADABLE),
        (b"", "{path} is empty"),
        (codecs.BOM_UTF8, "{path} is empty"),
    ],
)
def test_a_bad_text_is_named(tmp_path, content, said):
    path = tmp_path / "text"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises((OSError, ValueError)) as caught:
        read_text(str(path), -1)
    assert str(caught.value) == said.format(path=path)


def test_too_little_of_a_text_is_named(text):
    with pytest.raises(OSError, match="^/dev/zero is not a file$"):
        read_text("/dev/zero", -1)
    text.write_text("abc")
    with pytest.raises(ValueError, match="max_tokens.*0"):
        read_text(str(text), 0)
    with pytest.raises(ValueError, match="3 tokens is shorter than one minibatch"):
        Run(small(text), cpu())
    assert read_text(str(text), 2)[0] == [1, 2]
