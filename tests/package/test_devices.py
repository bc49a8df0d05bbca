"""Which device is chosen."""

import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from mxnet import cpu, gpu, npx
from mxnet.gluon import rnn
from strategies import any_text

import d2l_gru as d2l
from d2l_gru import devices
from d2l_gru.install import nvidia

pytestmark = pytest.mark.usefixtures("seeded")


@pytest.fixture
def gpus(framework, monkeypatch):
    """Return a function that sets the number of GPUs, and what the variable says."""

    def there(count, variable=""):
        of, name = (npx, "num_gpus")
        if framework.name == "torch":
            of, name = framework.torch.cuda, "device_count"
        monkeypatch.setattr(of, name, lambda: count)
        monkeypatch.setenv(devices.VARIABLE, variable)

    return there


def made(framework, names):
    """Return the devices of these names, of which PyTorch has one CPU."""
    pairs = [name.split(":") for name in names.split()]
    if framework.name == "mxnet":
        return [{"cpu": cpu, "gpu": gpu}[kind](int(number)) for kind, number in pairs]
    device = framework.torch.device
    return [device("cuda", int(n)) if kind == "gpu" else device("cpu") for kind, n in pairs]


def parse(text, gpus=()):
    return devices.parse(text, "device", lambda: gpus, "a framework")


@given(st.sampled_from(["cpu", "gpu"]), st.integers(0, 9999))
def test_the_name_of_a_device_is_read(kind, number):
    assert parse(f"{kind}:{number}", [number]) == (kind, number)
    assert parse(kind, [0]) == (kind, 0)
    if kind == "gpu":
        with pytest.raises(ValueError, match=f"device is 'gpu:{number}', but a framework can use"):
            parse(f"gpu:{number}", [number + 1])


@given(any_text | st.from_regex(r"\A\s?[cg]pu:?\S{0,6}\s?\Z"))
def test_any_other_name_is_refused_and_named(text):
    assume(not re.fullmatch("[cg]pu(:[0-9]{1,4})?", text))
    with pytest.raises(ValueError, match=re.escape(repr(text))):
        parse(text, range(10_000))


@pytest.mark.parametrize(
    ("count", "variable", "chosen", "every"),
    [
        (0, "", "cpu:0 cpu:0", "cpu:0"),
        (1, "", "gpu:0 cpu:0", "gpu:0"),
        (2, "", "gpu:0 gpu:1 cpu:0", "gpu:0 gpu:1"),
        (2, "cpu", "cpu:0 cpu:0", "cpu:0"),
        (2, "cpu:1", "cpu:1 cpu:1", "cpu:1"),
        (2, "gpu", "gpu:0 gpu:1", "gpu:0 gpu:1"),
        (2, "gpu:1", "gpu:1 gpu:1", "gpu:1"),
    ],
)
def test_a_gpu_that_is_there_is_taken_unless_the_variable_chooses(
    framework, gpus, count, variable, chosen, every
):
    gpus(count, variable)
    chosen = made(framework, chosen)
    assert [framework.d2l.try_gpu(i) for i in range(len(chosen))] == chosen
    assert framework.d2l.try_gpu() == chosen[0]
    assert framework.d2l.try_all_gpus() == made(framework, every)


@pytest.mark.parametrize(
    ("count", "variable", "i"),
    [
        (2, "gpu:0", 1), (2, "gpu:1", 2),  # the one that is chosen never becomes another
        (2, "gpu:2", 0), (2, "gpu:10", 0), (2, "gpu", 2), (0, "gpu", 0), (0, "gpu", 1),
        (2, "GPU", 0),
    ],
)  # fmt: skip
def test_what_is_not_there_is_never_another(framework, gpus, count, variable, i, snapshot):
    gpus(count, variable)
    with pytest.raises(ValueError) as caught:
        framework.d2l.try_gpu(i)
    assert str(caught.value) == snapshot
    if i == 0:
        with pytest.raises(ValueError, match=f"^{re.escape(str(caught.value))}$"):
            framework.d2l.try_all_gpus()


def test_a_gpu_of_pytorch_without_a_number_is_the_current_one(torch, monkeypatch):
    """Arrays name their device with its number, and are compared with it."""
    from d2l_gru.torch.device import check_torch_device

    monkeypatch.setattr(torch.cuda, "current_device", lambda: 1)
    names = {"cuda": "cuda:1", "cuda:0": "cuda:0", "cuda:1": "cuda:1", "cpu": "cpu", "cpu:0": "cpu"}
    assert {name: str(check_torch_device(name)) for name in names} == names
    assert check_torch_device("mps") == torch.device("mps", 0)


@pytest.mark.parametrize("framework", ["mxnet"], indirect=True)
def test_a_gpu_without_code_is_not_taken(monkeypatch, gpus):
    gpus(2)
    there = [nvidia.Gpu(0, "H100", (9, 0)), nvidia.Gpu(1, "A100", (8, 0))]
    monkeypatch.setattr(nvidia, "find_driver", lambda: nvidia.Driver((12, 4), there))
    assert d2l.try_gpu() == cpu() and d2l.try_gpu(1) == gpu(1) and d2l.try_all_gpus() == [gpu(1)]
    gpus(2, "gpu:0")
    with pytest.raises(ValueError, match="can use gpu:1 here"):
        d2l.try_gpu()


def test_without_a_device_the_choice_is_try_gpu_s():
    trained, completed = d2l.RNNModel(rnn.GRU(4), 5), d2l.RNNModel(rnn.GRU(4), 5)
    d2l.train(trained, d2l.SeqDataLoader([1, 2, 3, 4] * 10, 2, 3), 1, 1)
    assert d2l.predict("abc", 1, completed, d2l.Vocab(list("abcd"))).startswith("abc")
    for model in (trained, completed):
        assert all(param.ctx == d2l.try_gpu() for param in model.parameters())
