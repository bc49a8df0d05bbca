"""Weights for the pages: rounded as promised, and back again."""

import base64
import gzip
import json
import re

import numpy
import pytest
from mxnet import cpu, np
from mxnet.gluon import rnn
from tools_of_the_build import ROOT

import d2l_gru as d2l
from d2l_gru import corpus, export
from d2l_gru.__main__ import main
from d2l_gru.runs.run import Run, Setting


@pytest.fixture
def model():
    d2l.set_seed(0)
    made = d2l.RNNModel(rnn.GRU(8), 5)
    made.prepare(cpu())
    made(np.zeros((1, 1), dtype="int32"), made.begin_state(1, cpu()))
    for param in made.parameters():
        param[:] = np.random.normal(size=param.shape)
    return made


def test_rounding_is_within_half_a_step():
    rng = numpy.random.default_rng(0)
    array = rng.normal(size=(6, 9)).astype("float32") * [[1e-3], [1], [50], [0], [1], [1]]
    values, scales = export.quantise(array)
    assert (values.dtype, scales.dtype) == ("int8", "float32") and abs(values).max() == 127
    error = abs(values * scales[:, None] - array)
    assert (error <= scales[:, None] / 2 * (1 + 1e-5)).all() and (error[3] == 0).all()
    row, scale = export.quantise(array[0])
    assert row.shape == (1, 9) and scale.shape == (1,)


def test_a_row_too_small_for_steps_becomes_0():
    array = numpy.float32([[180, -180], [1, 2]]) * [[2.0**-149], [1]]
    values, scales = export.quantise(array)
    assert values.tolist() == [[0, 0], [64, 127]] and scales[0] == 1
    tiny = numpy.finfo("float32").tiny
    values, scales = export.quantise(numpy.float32([[-127, 127]]) * tiny)
    assert values.tolist() == [[-127, 127]] and scales[0] == tiny


def test_what_is_packed_comes_back_rounded(model):
    params = export.weights(model)
    assert list(params) == list(export.NAMES)
    assert {name: array.shape for name, array in params.items()} == export.shapes(8, 5)
    back = export.unpack(export.pack(params), 8, 5)
    for name, array in params.items():
        step = abs(array).max() / 127
        numpy.testing.assert_allclose(back[name], array, atol=step * 0.51)
        assert not numpy.array_equal(back[name], array)
    again = export.unpack(export.pack(back), 8, 5)
    for name in params:
        numpy.testing.assert_allclose(again[name], back[name], rtol=1e-6)


@pytest.mark.parametrize("device", [cpu(0), cpu(1)])
def test_the_model_made_of_them_is_the_model(model, device):
    other = export.to_model(export.weights(model), device)
    assert {param.ctx for param in other.parameters()} == {device}
    X = np.array([[1, 2, 3, 4]], dtype="int32")
    ours, theirs = (
        m(X.as_in_ctx(where), m.begin_state(1, where))[0].asnumpy()
        for m, where in ((model, cpu()), (other, device))
    )
    numpy.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("name", ["a = b", 'a"] = b', "ä\\"])
def test_whatever_its_name_a_script_is_read(model, tmp_path, name):
    moment, vocab = {"params": export.weights(model)}, d2l.Vocab(list("abcd"))
    export.write(tmp_path / "gru.js", name, [moment], vocab, {})
    assert export.read(tmp_path / "gru.js")["name"] == name


def test_a_script_is_written_and_read(model, tmp_path):
    vocab, path = d2l.Vocab(list("abcd")), tmp_path / "gru.js"
    moment = {"params": export.weights(model), "epoch": 3}
    export.write(path, "small", [moment, moment], vocab, {"date": "today"})
    text = path.read_text()
    assert text.startswith('(globalThis.gruModels ??= {})["small"] = {') and "</script" not in text
    entry = export.read(path)
    assert (entry["name"], entry["date"], entry["numHiddens"]) == ("small", "today", 8)
    assert entry["tokens"] == vocab.idx_to_token
    assert [snapshot["epoch"] for snapshot in entry["snapshots"]] == [3, 3]
    assert (
        export.pack(entry["snapshots"][0]["params"])
        == json.loads(text.split(" = ", 1)[1].rstrip().rstrip(";"))["snapshots"][0]["params"]
    )
    assert list(tmp_path.iterdir()) == [path]


def test_a_script_is_the_same_to_the_letter(tmp_path, snapshot):
    """The pages read it, and so do those of older books."""
    rows = {name: numpy.arange(1, 1 + numpy.prod(shape), dtype="float32").reshape(shape)
            for name, shape in export.shapes(1, 3).items()}  # fmt: skip
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


def concise(layer):
    made = d2l.RNNModel(layer, 5)
    made.prepare(cpu())
    made(np.zeros((1, 1), dtype="int32"), made.begin_state(1, cpu()))
    return made


def scratch(num_params):
    def get_params(*sizes):
        return d2l.get_params(*sizes)[:num_params]

    return d2l.RNNModelScratch(5, 8, cpu(), get_params, d2l.init_gru_state, d2l.gru)


@pytest.mark.parametrize(
    "make",
    [
        lambda: scratch(11),
        lambda: scratch(6),
        lambda: concise(rnn.LSTM(8)),
        lambda: concise(rnn.GRU(8, num_layers=2)),
    ],
)
def test_another_model_is_refused(make):
    said = "^only a concise model with one GRU layer can be exported$"
    with pytest.raises(ValueError, match=said):
        export.weights(make())


@pytest.mark.parametrize("scale", [0, -1, 1e38, numpy.inf, numpy.nan])
def test_a_scale_that_is_none_is_refused(model, scale):
    data = base64.b64decode(export.pack(export.weights(model)))
    data = numpy.float32(scale).tobytes() + data[4:]
    with pytest.raises(ValueError, match="^a scale of W_x is none$"):
        export.unpack(base64.b64encode(data).decode(), 8, 5)


def test_what_cannot_be_is_named(model, tmp_path):
    text = export.pack(export.weights(model))
    for size, needed in ((7, 534), (9, 730)):
        said = f"^{size} hidden units need {needed} bytes, not 629$"
        with pytest.raises(ValueError, match=said):
            export.unpack(text, size, 5)
    path = tmp_path / "other.js"
    moment = {"params": export.weights(model)}
    export.write(path, "small", [moment], d2l.Vocab(list("abcd")), {})
    good = path.read_text()
    broken = ["alert(1)", "", good[:99], good.replace('"numHiddens": 8', '"numHiddens": -1')]
    broken += [good.replace("snapshots", "moments"), good.replace('"params": "', '"params": "!')]
    broken += [good.replace(text[:8], "AADAfwAA")]  # a scale that is NaN
    broken += [good.replace("] = ", end, 1) for end in ("", "]", " = ")]
    for script in broken:
        assert script != good
        path.write_text(script)
        with pytest.raises(ValueError, match=f"{path} is no script of exported weights"):
            export.read(path)
    for script, said in [
        ("alert(1) = 1", "it does not start with (globalThis.gruModels ??= {})["),
        (broken[3], "numHiddens must be >= 1, not -1"),
    ]:
        path.write_text(script)
        with pytest.raises(ValueError) as caught:
            export.read(path)
        assert str(caught.value) == (
            f"{path} is no script of exported weights: ValueError({said!r})"
        )
    path.write_bytes(b"\xff")
    with pytest.raises(ValueError, match=f"{path} is no script of exported weights"):
        export.read(path)


def test_the_script_of_a_run_tells_where_it_was(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text").write_text("the time machine " * 5)
    setting = {"corpus": "text", "num_hiddens": 8, "batch_size": 4, "num_steps": 9}
    run = Run(Setting(**setting, num_epochs=2), cpu())
    for epoch in (0, 1, 2):
        run.save("run")
        assert main(["export", "run", "of a run.js"]) == 0
        size = (tmp_path / "of a run.js").stat().st_size
        assert capsys.readouterr() == (f"of a run.js: {size:,} bytes\n", "")
        entry = export.read("of a run.js")
        (moment,) = entry.pop("snapshots")
        assert entry == {
            "name": "of a run",
            "tokens": run.vocab.idx_to_token,
            "numHiddens": 8,
            "corpusSha256": run.sha256,
        }
        params = moment.pop("params")
        assert export.pack(params) == export.pack(export.weights(run.model))
        assert moment.pop("epoch") == epoch
        assert [*moment.values()] == run.history.perplexity[-1:]
        for _ in run.updates_of_epoch():
            pass
    assert [*moment] == ["perplexity"]
    assert main(["export", "nowhere", "a.js"]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("error: no checkpoint in nowhere") and err.count("\n") == 1


def test_a_checkpoint_becomes_a_script(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text").write_text("the time machine went on and on " * 20)
    train = ["train", "--corpus", "text", "--num-hiddens", "8", "--batch-size", "4"]
    train += ["--num-steps", "9", "--num-epochs", "2", "--device", "cpu", "--checkpoints"]
    assert main([*train, "run"]) == 0
    capsys.readouterr()
    assert main(["export", "run", "weights.js"]) == 0
    size = (tmp_path / "weights.js").stat().st_size
    assert capsys.readouterr().out == f"weights.js: {size:,} bytes\n"
    (snapshot,) = export.read("weights.js")["snapshots"]
    assert snapshot["epoch"] == 2 and 1 < snapshot["perplexity"] < 28
    for name, said in [("nowhere", "no checkpoint in nowhere"), ("text", "text is not named")]:
        assert main(["export", name, "a.js"]) == 2
        assert said in capsys.readouterr().err
    assert main([*train, "scratch", "--model", "scratch"]) == 0
    assert main(["export", "scratch", "a.js"]) == 2
    assert "only a concise model" in capsys.readouterr().err
    assert not (tmp_path / "a.js").exists()


def test_the_command_says_what_it_wants(monkeypatch, capsys, snapshot):
    monkeypatch.setenv("COLUMNS", "100")
    with pytest.raises(SystemExit, match="^0$"):
        main(["export", "--help"])
    assert capsys.readouterr().out == snapshot
    with pytest.raises(SystemExit, match="^0$"):
        main(["--help"])
    said = "^ +export +write a checkpoint's weights as a script$"
    assert re.search(said, capsys.readouterr().out, re.MULTILINE)


def test_the_book_s_files_are_what_they_say(real_corpus):
    ids, vocab = d2l.load_corpus_time_machine(10_000)
    for name, count in (("gru-256", 1), ("gru-32", 30)):
        entry = export.read(ROOT / "book" / "widgets" / f"{name}-weights.js")
        assert entry["corpusSha256"] == corpus.find().sha256 and len(entry["snapshots"]) == count
        assert entry["tokens"] == vocab.idx_to_token
        model = export.to_model(entry["snapshots"][-1]["params"], cpu())
        logits, _ = model(np.array([ids[:-1]], dtype="int32"), model.begin_state(1, cpu()))
        p = numpy.exp(logits.asnumpy() - logits.asnumpy().max(axis=1, keepdims=True))
        p = (p / p.sum(axis=1, keepdims=True))[range(9_999), ids[1:]]
        assert numpy.exp(-numpy.log(p).mean()) == pytest.approx(entry["asShipped"], rel=0.01)
        epochs = [snapshot["epoch"] for snapshot in entry["snapshots"]]
        assert epochs == sorted(set(epochs)) and epochs[-1] == 500
        for snapshot in entry["snapshots"]:
            assert snapshot["perplexity"] == entry["perplexity"][snapshot["epoch"] - 1]
    size = len(gzip.compress((ROOT / "book/widgets/gru-256-weights.js").read_bytes()))
    assert size < 400_000
