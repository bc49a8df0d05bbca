"""Weights for the pages: rounded as promised, and back again."""

import gzip

import numpy
import pytest
from mxnet import cpu, np
from mxnet.gluon import rnn
from tools_of_the_build import ROOT

import d2l_gru as d2l
from d2l_gru import corpus
from d2l_gru.runs.run import Run, Setting
from tools import export_weights as export

SIZES = {
    "W_x": (6, 5), "W_h": (6, 2), "b_x": (6,), "b_h": (6,), "W_q": (5, 2), "b_q": (5,)
}  # fmt: skip


def matrix(rng, shape):
    """Draw a float32 array whose rows are as small or as large as a float32 can well be."""
    rows = (*shape[:-1], 1)
    exponents = rng.integers(-149, 100, rows) * rng.integers(0, 2, rows)
    return (rng.uniform(-1, 1, shape) * 2.0**exponents * rng.integers(0, 9, 1)).astype("float32")


@pytest.mark.parametrize("seed", range(30))
def test_rounding_is_within_half_a_step_of_the_row(seed):
    rng = numpy.random.default_rng(seed)
    array = matrix(rng, tuple(rng.integers(1, 9, 1 + seed % 2)))
    rounded, scales = export.quantise(array)
    rows = numpy.atleast_2d(array).astype("float64")
    assert (rounded.dtype, scales.dtype) == ("int8", "float32")
    assert rounded.shape == rows.shape and scales.shape == (len(rows),)
    assert (scales <= numpy.maximum(1, abs(rows).max(axis=1))).all()
    error = abs(rounded * scales[:, None].astype("float64") - rows)
    assert (error <= scales[:, None] * (0.5 + 1e-4)).all()
    fine = scales != 1  # the largest of a row takes all the steps there are
    assert (abs(rounded).max(axis=1) == 127)[fine].all()


def test_a_row_too_small_for_steps_becomes_0():
    array = numpy.float32([[180, -180], [1, 2]]) * [[2.0**-149], [1]]
    values, scales = export.quantise(array)
    assert values.tolist() == [[0, 0], [64, 127]] and scales[0] == 1
    tiny = numpy.finfo("float32").tiny
    values, scales = export.quantise(numpy.float32([[-127, 127]]) * tiny)
    assert values.tolist() == [[-127, 127]] and scales[0] == tiny


@pytest.mark.parametrize("seed", range(9))
def test_what_is_packed_is_unpacked(seed):
    rng = numpy.random.default_rng(seed)
    params = {name: matrix(rng, shape) for name, shape in SIZES.items()}
    found = export.unpack(export.pack(params), 2, 5)
    assert list(found) == list(export.NAMES)
    for name, array in params.items():
        rounded, scales = export.quantise(array)
        expected = (rounded * scales[:, None]).reshape(array.shape)
        numpy.testing.assert_array_equal(found[name], expected)


def test_a_script_is_the_same_to_the_letter(tmp_path, snapshot):
    """The pages read it, and so do those of older books."""
    shapes = (3, 3), (3, 1), (3,), (3,), (3, 1), (3,)
    rows = {name: numpy.arange(1, 1 + numpy.prod(shape), dtype="float32").reshape(shape)
            for name, shape in zip(export.NAMES, shapes, strict=True)}  # fmt: skip
    moments = [{"params": rows, "epoch": 1}, {"params": rows, "epoch": 2, "perplexity": 1.5}]
    vocab, path = d2l.Vocab(list("aaü")), tmp_path / "gru.js"
    path.write_text("an older one")
    export.write(path, "ü", moments, vocab, {"trained": "with lr = 1"})
    assert path.read_text(encoding="utf-8") == snapshot
    assert list(tmp_path.iterdir()) == [path]
    entry = export.read(path)
    assert (entry["name"], entry["trained"]) == ("ü", "with lr = 1")
    for name, rounded in entry["snapshots"][1]["params"].items():
        numpy.testing.assert_allclose(rounded, rows[name], atol=0.05)


def scratch():
    functions = d2l.get_params, d2l.init_gru_state, d2l.gru
    return d2l.RNNModelScratch(5, 8, cpu(), *functions)


@pytest.mark.parametrize(
    "make",
    [
        scratch,
        lambda: d2l.RNNModel(rnn.LSTM(8), 5),
        lambda: d2l.RNNModel(rnn.GRU(8, num_layers=2), 5),
    ],
)
def test_another_model_is_refused(make):
    model = make()
    model.prepare(cpu())
    with pytest.raises(ValueError, match="only a concise model with one GRU layer"):
        export.weights(model)


def test_the_script_of_a_checkpoint_has_its_weights_rounded(tmp_path):
    text = tmp_path / "text"
    text.write_text("the time machine " * 5)
    setting = Setting(corpus=text, num_hiddens=8, batch_size=4, num_steps=9, num_epochs=1, lr=100.0)
    run, script = Run(setting, cpu()), tmp_path / "of a run.js"
    for epoch in (0, 1):
        run.save(tmp_path / "run")
        export.export(tmp_path / "run", script)
        entry = export.read(script)
        (moment,) = entry.pop("snapshots")
        params = moment.pop("params")
        assert (entry.pop("name"), entry.pop("tokens")) == ("of a run", run.vocab.idx_to_token)
        assert entry == {"numHiddens": 8, "corpusSha256": run.sha256}
        assert moment.pop("epoch") == epoch
        assert [*moment.values()] == run.history.perplexity[-1:]
        for _ in run.updates_of_epoch():
            pass
    run.save(tmp_path / "run")
    for name, array in export.weights(run.model).items():
        assert not array.any() or not numpy.array_equal(params[name], array)  # it is rounded
    made = export.to_model(export.weights(run.model))
    X = np.array([[1, 2, 3]], dtype="int32")
    theirs, ours = (model(X, model.begin_state(1, cpu()))[0] for model in (run.model, made))
    assert (theirs == ours).all()


def test_the_book_s_files_are_what_they_say(real_corpus):
    ids, vocab = d2l.load_corpus_time_machine(10_000)
    for name, count in (("gru-256", 1), ("gru-32", 30)):
        entry = export.read(ROOT / "book" / "widgets" / f"{name}-weights.js")
        assert entry["corpusSha256"] == corpus.find().sha256 and len(entry["snapshots"]) == count
        assert entry["tokens"] == vocab.idx_to_token
        model = export.to_model(entry["snapshots"][-1]["params"])
        assert export.evaluate(model, ids) == pytest.approx(entry["asShipped"], rel=0.01)
        epochs = [snapshot["epoch"] for snapshot in entry["snapshots"]]
        assert epochs == export.moments(500, count) if count > 1 else epochs == [500]
        for snapshot in entry["snapshots"]:
            assert snapshot["perplexity"] == entry["perplexity"][snapshot["epoch"] - 1]
    size = len(gzip.compress((ROOT / "book/widgets/gru-256-weights.js").read_bytes()))
    assert size < 400_000
