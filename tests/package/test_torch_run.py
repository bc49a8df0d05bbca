"""Runs with PyTorch, and checkpoints that cross over between the frameworks."""

import numpy
import pytest
from mxnet import cpu

import d2l_gru.torch as d2l
from d2l_gru import checkpoint
from d2l_gru.__main__ import main
from d2l_gru.runs import backends
from d2l_gru.runs.run import Run, Setting, load_model

pytestmark = pytest.mark.usefixtures("torch")
TEXT = "the time traveller and the time machine went on and on through time " * 8


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text").write_text(TEXT)
    return tmp_path


def small(model, **changed):
    setting = {"corpus": "text", "num_hiddens": 8, "batch_size": 4, "num_steps": 9}
    return Setting(**{**setting, "model": model, "num_epochs": 4, "seed": 5, **changed})


def finish(run):
    while not run.done:
        for _ in run.updates_of_epoch():
            pass
    return run


def values(run):
    return [run.framework.to_numpy(param) for param in run.model.parameters()]


def saved(run, folder):
    return checkpoint.load(run.save(folder))


def test_a_device_tells_its_framework(torch):
    names = [backends.of(device).__name__ for device in (cpu(), torch.device("cpu"))]
    assert names == ["d2l_gru.mxnet._backend", "d2l_gru.torch._backend"]


@pytest.mark.parametrize(
    "setting",
    [small("scratch"), small("concise", num_layers=2), small("concise", use_random_iter=True)],
)
def test_a_run_of_either_goes_on_with_the_other(torch, folder, setting):
    """From the middle of an epoch, with state, losses, random numbers and all."""
    torch = torch.device("cpu")
    for first, second in ((cpu(), torch), (torch, cpu())):
        begun = Run(setting, first)
        for number, _ in enumerate(begun.updates_of_epoch(), 1):
            if number == 3:
                break
        kept = saved(begun, folder / "run")
        here, there = finish(Run(setting, first, kept)), finish(Run(setting, second, kept))
        assert here.framework is not there.framework and there.updates == here.updates
        numpy.testing.assert_allclose(there.history.perplexity, here.history.perplexity, rtol=1e-5)
        numpy.testing.assert_allclose(
            there.history.gradient_norm, here.history.gradient_norm, rtol=1e-4
        )
        for a, b in zip(values(here), values(there), strict=True):
            numpy.testing.assert_allclose(a, b, rtol=0, atol=1e-5)
        (folder / "run").rename(folder / f"run-{first}")


@pytest.mark.parametrize(("model", "num_layers"), [("scratch", 1), ("concise", 2)])
def test_a_run_is_what_train_does(torch, folder, model, num_layers):
    run = finish(Run(small(model, num_layers=num_layers, num_epochs=1), torch.device("cpu")))
    d2l.set_seed(5)
    loader = d2l.SeqDataLoader(run.loader.corpus, 4, 9)
    if model == "scratch":
        functions = d2l.get_params, d2l.init_gru_state, d2l.gru
        other = d2l.RNNModelScratch(len(run.vocab), 8, "cpu", *functions)
    else:
        other = d2l.RNNModel(torch.nn.GRU(len(run.vocab), 8, num_layers), len(run.vocab))
    history = d2l.train(other, loader, 1, 1, "cpu")
    assert type(run.model) is type(other)
    assert history.perplexity == run.history.perplexity
    assert history.gradient_norm == run.history.gradient_norm
    for a, b in zip(values(run), other.parameters(), strict=True):
        numpy.testing.assert_array_equal(a, b.detach().numpy())


def test_numbers_go_where_they_are_wanted(torch):
    from d2l_gru.torch._backend import to_array

    held = to_array([0.5, 2.0], torch.device("cpu"))
    assert held.tolist() == [0.5, 2.0] and held.dtype == torch.float32
    assert to_array(0.0, torch.device("meta")).device.type == "meta"


@pytest.mark.parametrize("model", ["scratch", "concise"])
def test_a_run_goes_on_as_if_it_had_not_been_stopped(torch, folder, model):
    whole = finish(Run(small(model), torch.device("cpu")))
    begun = Run(small(model), torch.device("cpu"))
    for number, _ in enumerate(begun.updates_of_epoch(), 1):
        if number == 2:
            break
    resumed = finish(Run(small(model), torch.device("cpu"), saved(begun, folder / "run")))
    assert resumed.history.perplexity == whole.history.perplexity
    for a, b in zip(values(whole), values(resumed), strict=True):
        numpy.testing.assert_array_equal(a, b)


def test_a_checkpoint_s_model_is_loaded_by_either(torch, folder):
    run = finish(Run(small("concise"), torch.device("cpu")))
    arrays, meta = saved(run, folder / "run")
    assert meta["versions"].keys() == {"python", "torch"}
    for device in (cpu(), torch.device("cpu")):
        model, vocab = load_model(arrays, meta, device)
        assert len(vocab) == len(run.vocab)
        for i, param in enumerate(model.parameters()):
            held = param.asnumpy() if hasattr(param, "asnumpy") else param.detach().numpy()
            numpy.testing.assert_array_equal(held, arrays[f"parameter {i}"])
    arrays["parameter 1"][0, 0] = numpy.nan
    with pytest.raises(ValueError, match="^the parameters are not finite: the training diverged$"):
        load_model(arrays, meta, torch.device("cpu"))


def test_several_devices_need_mxnet(torch, folder):
    said = "^several devices or workers need MXNet; with PyTorch a run has one device$"
    with pytest.raises(ValueError, match=said):
        Run(small("scratch"), [torch.device("cpu")] * 2)
    with pytest.raises(ValueError, match=said):
        Run(small("scratch"), torch.device("cpu"), store="device")


def test_the_commands_take_a_framework(folder, capsys):
    size = ["--num-hiddens", "8", "--batch-size", "4", "--num-steps", "9"]
    more = ["--device", "cpu", "--framework", "torch", "--checkpoints", "run"]
    assert main(["train", "--corpus", "text", *size, "--num-epochs", "2", *more]) == 0
    assert capsys.readouterr().out.endswith(" tokens/s on cpu\n")
    assert main(["train", "--resume", "--num-epochs", "3", *more, "--framework", "mxnet"]) == 0
    assert capsys.readouterr().out.endswith(" tokens/s on cpu(0)\n")
    sample = ["sample", "run", "--prefix", "the ", "--length", "20", "--device", "cpu"]
    assert main(sample) == main([*sample, "--framework", "torch"]) == 0
    one, two = capsys.readouterr().out.splitlines()
    assert one == two and len(one) == 24
    assert main(["sample", "run", "--framework", "torch", "--device", "gpu:9"]) == 2
    assert "PyTorch can use no GPU here" in capsys.readouterr().err
    assert main(["train", "--corpus", "text", *size, *more[2:4], "--device", "cpu,cpu"]) == 2
    assert "several devices" in capsys.readouterr().err
