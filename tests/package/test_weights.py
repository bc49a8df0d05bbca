"""Weights for the pages: rounded as promised, and back again."""

import numpy
import pytest
import strategies  # noqa: F401  (the same examples in every run)
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from tools_of_the_build import ROOT

import d2l_gru as d2l
from benchmarks import export_weights as export
from d2l_gru import corpus

SHAPES = {"W_x": (6, 5), "W_h": (6, 2), "b_x": (6,), "b_h": (6,), "W_q": (5, 2), "b_q": (5,)}
numbers = st.floats(-(2.0**100), 2.0**100, width=32)


@given(arrays("float32", array_shapes(max_dims=2, max_side=6), elements=numbers))
def test_rounding_is_within_half_a_step_of_the_row(array):
    rounded, scales = export.quantise(array)
    rows = numpy.atleast_2d(array).astype("float64")
    assert (rounded.dtype, scales.dtype) == ("int8", "float32")
    assert rounded.shape == rows.shape and scales.shape == (len(rows),)
    error = abs(rounded * scales[:, None].astype("float64") - rows)
    assert (error <= scales[:, None] * (0.5 + 1e-4)).all()
    fine = scales != 1  # the largest of a row takes all the steps there are
    assert (abs(rounded).max(axis=1) == 127)[fine].all()
    zero = abs(rows).max(axis=1) < 64 * numpy.finfo("float32").tiny  # too small for steps
    assert not rounded[zero].any()


@given(st.data())
def test_a_script_holds_what_was_packed_rounded(tmp_path_factory, data):
    params = {n: data.draw(arrays("float32", s, elements=numbers)) for n, s in SHAPES.items()}
    vocab, path = d2l.Vocab(list("abcü")), tmp_path_factory.mktemp("weights") / "x-weights.js"
    moments = [{"params": params, "epoch": 2, "perplexity": 1.5}]
    export.write(path, moments, vocab, {"trained": "with lr = 1"})
    entry = export.read(path)
    (moment,) = entry.pop("snapshots")
    assert entry == {"name": "x", "tokens": vocab.idx_to_token, "numHiddens": 2,
                     "trained": "with lr = 1"}  # fmt: skip
    assert [*moment.pop("params")] == [*export.NAMES]
    for name, array in export.unpack(export.pack(params), 2, 5).items():
        rounded, scales = export.quantise(params[name])
        assert (array == (rounded * scales[:, None]).reshape(array.shape)).all()
    assert moment == {"epoch": 2, "perplexity": 1.5}


def test_the_book_s_files_are_what_they_say(real_corpus):
    ids, vocab = d2l.load_corpus_time_machine(10_000)
    for name, count in (("gru-256", 1), ("gru-32", 30)):
        path = ROOT / "book" / "widgets" / f"{name}-weights.js"
        entry = export.read(path)
        assert entry["corpusSha256"] == corpus.find().sha256 and len(entry["snapshots"]) == count
        assert entry["tokens"] == vocab.idx_to_token and path.stat().st_size < 400_000
        model = export.to_model(entry["snapshots"][-1]["params"])
        assert export.evaluate(model, ids) == pytest.approx(entry["asShipped"], rel=0.01)
        epochs = [snapshot["epoch"] for snapshot in entry["snapshots"]]
        assert epochs == export.moments(500, count) if count > 1 else epochs == [500]
        for snapshot in entry["snapshots"]:
            assert snapshot["perplexity"] == entry["perplexity"][snapshot["epoch"] - 1]
