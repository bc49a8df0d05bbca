"""Bad input to the twins raises at once, and names the value and what is allowed."""

import inspect

import pytest

import d2l_gru
import d2l_gru.torch as d2l
from d2l_gru import devices

pytestmark = pytest.mark.usefixtures("torch")
IDS = [0, 1, 2, 3, 4] * 20
V, H = 5, 4
VOCAB = d2l.Vocab(list("abcd"))


def nn():
    import torch

    return torch.nn


def tensor(values):
    import torch

    return torch.tensor(values)


def scratch(vocab_size=V, num_hiddens=H, device="cpu"):
    functions = d2l.get_params, d2l.init_gru_state, d2l.gru
    return d2l.RNNModelScratch(vocab_size, num_hiddens, device, *functions)


def concise(vocab_size=V, **layer):
    return d2l.RNNModel(nn().GRU(V, H, **layer), vocab_size)


def run(model, X, batch_size=2):
    return model(X, model.begin_state(batch_size, "cpu"))


def gru(inputs=(3, 2, V), params=11):
    zeros = tensor(0.0).new_zeros
    return d2l.gru(zeros(inputs), (zeros(2, H),), d2l.get_params(V, H, "cpu")[:params])


def train(train="train", **changed):
    arguments = {"model": scratch(), "train_iter": d2l.SeqDataLoader(IDS, 2, 3), "lr": 1}
    return getattr(d2l, train)(**{**arguments, "num_epochs": 1, "device": "cpu", **changed})


def captured(**changed):
    return train("train_captured", **changed)


def epoch(X, Y, device="cpu", **more):
    return d2l.train_epoch(scratch(), [(X, Y)], 1, device, **more)


def step(X=None, Y=None):
    X, Y = (good() if ids is None else ids for ids in (X, Y))
    return d2l.CapturedStep(scratch(), 2, 2, 1, "cpu")(X, Y)


def good():
    return tensor([[0, 1], [2, 3]])


def leaf(grad):
    a = tensor([1.0]).requires_grad_()
    if grad:
        a.sum().backward()
    return a


CASES = {  # name: [(call, error, what the message must say)]
    "get_params": [
        (lambda: d2l.get_params(0, 4, "cpu"), ValueError, ["vocab_size", "0", ">= 1"]),
        (lambda: d2l.get_params(4, 2, 7), TypeError, ["device", "torch.device", "7"]),
        (lambda: d2l.get_params(4, 2, "tpu?"), TypeError, ["device", "tpu?"]),
        (lambda: d2l.get_params(4, 0, "cpu"), ValueError, ["num_hiddens", "0", ">= 1"]),
    ],
    "init_gru_state": [
        (lambda: d2l.init_gru_state(0, 4, "cpu"), ValueError, ["batch_size", "0", ">= 1"]),
        (lambda: d2l.init_gru_state(4, 0, "cpu"), ValueError, ["num_hiddens", "0", ">= 1"]),
    ],
    "gru": [
        (lambda: gru(inputs=(2, V)), ValueError, ["inputs", "(2, 5)", "(num_steps, batch_size"]),
        (lambda: gru(inputs=(3, 2, 6)), ValueError, ["W_xz", "(5, 4)", "(6, 4)"]),
        (lambda: gru(params=10), ValueError, ["params", "11", "10"]),
    ],
    "RNNModelScratch": [
        (lambda: scratch(num_hiddens=0), ValueError, ["num_hiddens", "0", ">= 1"]),
        (lambda: scratch(device=None), TypeError, ["device", "None"]),
        (lambda: scratch().prepare("meta"), ValueError, ["cpu", "meta"]),
        (lambda: run(scratch(), good(), 3), ValueError, ["H", "(3, 4)", "(2, 4)"]),
        (lambda: run(scratch(), good() + 4), ValueError, ["X holds 5", "[0, 5)"]),
        (lambda: run(scratch(), good() - 1), ValueError, ["X holds -1", "[0, 5)"]),
        (lambda: run(scratch(), good()[0]), ValueError, ["(2,)", "(batch_size, num_steps)"]),
        (lambda: run(scratch(), good() / 2), TypeError, ["X", "whole numbers", "0.5"]),
        (lambda: run(scratch(), good() > 1), TypeError, ["X", "whole numbers", "True"]),
        (lambda: run(scratch(), [[1]]), TypeError, ["X", "tensor", "[[1]]"]),
        (lambda: run(scratch(), good().to("meta")), ValueError, ["X", "meta", "cpu"]),
    ],
    "RNNModel": [
        (lambda: d2l.RNNModel("gru", V), TypeError, ["rnn_layer", "nn.GRU", "'gru'"]),
        (lambda: concise(vocab_size=6), ValueError, ["input_size 6", "not 5"]),
        (lambda: concise(vocab_size="5"), TypeError, ["vocab_size", "'5'"]),
        (lambda: concise(batch_first=True), ValueError, ["batch_first"]),
        (lambda: concise(bidirectional=True), ValueError, ["bidirectional"]),
        (lambda: d2l.RNNModel(nn().GRUCell(V, H), V), TypeError, ["rnn_layer", "GRUCell(5, 4)"]),
        (lambda: d2l.RNNModel(nn().LSTM(V, H, proj_size=2), V), ValueError, ["proj_size is 2"]),
        (lambda: concise().prepare("meta"), ValueError, ["on cpu", "meta"]),
        (lambda: concise()(good(), []), ValueError, ["length 1", "0"]),
        (lambda: concise().begin_state(0, "cpu"), ValueError, ["batch_size", "0", ">= 1"]),
        (lambda: run(concise(), good()[:, :1], 3), ValueError, ["(1, 3, 4)", "(1, 2, 4)"]),
        (lambda: run(concise(), good() + 4), ValueError, ["X holds 5", "[0, 5)"]),
        (lambda: run(concise(), good().to("meta")), ValueError, ["X", "meta", "cpu"]),
    ],
    "set_seed": [
        (lambda: d2l.set_seed(-1), ValueError, ["seed", "-1", ">= 0"]),
        (lambda: d2l.set_seed(2**31), ValueError, ["seed", str(2**31)]),
    ],
    "sgd": [
        (lambda: d2l.sgd([leaf(True)], 0), ValueError, ["lr", "0", "> 0"]),
        (lambda: d2l.sgd([leaf(False)], 1), ValueError, ["(1,)", "no tensor", "backward()"]),
        (lambda: d2l.sgd([leaf(True)], 1, 0), ValueError, ["batch_size", "0", ">= 1"]),
        (lambda: d2l.sgd([leaf(True).detach()], 1), ValueError, ["no tensor to train", "frozen"]),
        (
            lambda: d2l.sgd(nn().Linear(1, 1).named_parameters(), 1),
            TypeError,
            ["tensors", "not tuple"],
        ),
    ],
    "gradient_norm": [
        (lambda: d2l.gradient_norm([leaf(False)]), ValueError, ["no tensor has a gradient"]),
        (lambda: d2l.gradient_norm(iter([])), ValueError, ["no tensor to train", "once only"]),
    ],
    "grad_clipping": [
        (lambda: d2l.grad_clipping([leaf(True)], -1), ValueError, ["theta", "-1", "> 0"]),
        (lambda: d2l.grad_clipping([leaf(False)], 1), ValueError, ["no tensor has a gradient"]),
    ],
    "train_epoch": [
        (lambda: d2l.train_epoch(scratch(), [], 1, "cpu"), ValueError, ["no minibatch"]),
        (lambda: epoch(good(), good() + 9), ValueError, ["Y holds 9", "[0, 5)"]),
        (lambda: epoch(good() + 9, good()), ValueError, ["X holds 9", "[0, 5)"]),
        (lambda: epoch(good(), good()[:, :1]), ValueError, ["Y", "(2, 1)", "(2, 2)"]),
        (lambda: epoch(good(), good(), clip=0), ValueError, ["0", "> 0"]),
        (lambda: epoch(good(), good(), device=3), TypeError, ["device", "3"]),
    ],
    "CapturedStep": [
        (lambda: d2l.CapturedStep(scratch(), 2, 3, 0, "cpu"), ValueError, ["lr", "0"]),
        (lambda: d2l.CapturedStep(scratch(), 2, 3, 1, "cpu", 0), ValueError, ["clip", "None"]),
        (lambda: d2l.CapturedStep(scratch(), 0, 3, 1, "cpu"), ValueError, ["batch_size", "0"]),
        (lambda: d2l.CapturedStep(scratch(), 2, 3, 1, "meta"), ValueError, ["on cpu", "meta"]),
        (lambda: step(good()[:, 0]), ValueError, ["X", "(2,)", "(batch_size, num_steps)"]),
        (lambda: step(good()[:1]), ValueError, ["X", "(1, 2)", "(2, 2)"]),
        (lambda: step(Y=good() * 1.0), TypeError, ["Y", "whole numbers"]),
        (lambda: step(Y=good() + 9), ValueError, ["Y holds 9", "[0, 5)"]),
        (lambda: step(good().to("meta")), ValueError, ["X", "meta", "cpu"]),
    ],
    "to_torch": [(lambda: d2l.to_torch(None), TypeError, ["d2l_gru", "None"])],
    "to_mxnet": [(lambda: d2l.to_mxnet(None), TypeError, ["d2l_gru.torch", "None"])],
    "train_ch8": [
        (
            lambda: d2l.train_ch8(scratch(), d2l.SeqDataLoader(IDS, 2, 3), VOCAB, -1, 1, "cpu"),
            ValueError,
            ["lr", "-1", "> 0"],
        ),
    ],
    "predict": [
        (lambda: d2l.predict("", 1, scratch(), VOCAB, "cpu"), ValueError, ["prefix", "''"]),
        (lambda: d2l.predict("x", 1, scratch(), VOCAB, "cpu"), ValueError, ["'x'", "vocab"]),
        (lambda: d2l.predict("a", 1, scratch(), VOCAB, "cpu", -1), ValueError, ["-1", ">= 0"]),
        (lambda: d2l.predict("a", -1, scratch(), VOCAB, "cpu"), ValueError, ["-1", ">= 0"]),
        (lambda: d2l.predict("a", 1, scratch(6), VOCAB, "cpu"), ValueError, ["6 tokens", "has 5"]),
    ],
    "predict_ch8": [
        (lambda: d2l.predict_ch8("", 1, scratch(), VOCAB, "cpu"), ValueError, ["prefix"]),
    ],
    "try_gpu": [(lambda: d2l.try_gpu(-1), ValueError, ["i", "-1", ">= 0"])],
    "load_data_time_machine": [
        (lambda: d2l.load_data_time_machine(0, 3), ValueError, ["batch_size", "0", ">= 1"]),
    ],
}
for each in (train, captured):
    CASES["train" if each is train else "train_captured"] = [
        (lambda f=each: f(lr=0), ValueError, ["lr", "0", "> 0"]),
        (lambda f=each: f(num_epochs=0), ValueError, ["num_epochs", "0", ">= 1"]),
        (lambda f=each: f(clip=0), ValueError, ["clip", "0", "None"]),
        (lambda f=each: f(device=3), TypeError, ["device", "3"]),
        (lambda f=each: f(device="meta"), ValueError, ["cpu", "meta"]),
        (lambda f=each: f(on_epoch=5), TypeError, ["on_epoch", "5"]),
        (
            lambda f=each: f(train_iter=d2l.SeqDataLoader([7] * 9, 2, 3)),
            ValueError,
            ["X holds 7", "[0, 5)"],
        ),
        (
            lambda f=each: f(train_iter=d2l.SeqDataLoader([0] * 6 + [7], 2, 3)),
            ValueError,
            ["Y holds 7", "[0, 5)"],
        ),
    ]
CASES["train_captured"] += [(lambda: captured(train_iter=[]), TypeError, ["SeqDataLoader", "[]"])]
for name in ("seq_data_iter_consecutive", "seq_data_iter_random", "SeqDataLoader"):
    CASES[name] = [
        (lambda n=name: getattr(d2l, n)(IDS, 0, 3), ValueError, ["batch_size", "0", ">= 1"]),
        (lambda n=name: getattr(d2l, n)(IDS, 10, 10), ValueError, ["100 tokens", "+ 1 = 101"]),
        (lambda n=name: getattr(d2l, n)([0.5] * 9, 1, 2), TypeError, ["corpus", "0.5"]),
    ]


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        pytest.param(*case, id=f"{name}-{i}")
        for name, cases in CASES.items()
        for i, case in enumerate(cases)
    ],
)
def test_bad_input_raises_and_is_named(call, error, said, snapshot):
    with pytest.raises(error) as caught:
        call()
    message = str(caught.value)
    assert not [part for part in said if part not in message], message
    assert message == snapshot


def test_every_twin_has_bad_input_above():
    own = {name for name in d2l.__all__ if "torch" in getattr(d2l, name).__module__}
    with_arguments = {name for name in own if inspect.signature(getattr(d2l, name)).parameters}
    assert with_arguments == set(CASES)
    assert own - with_arguments == {"try_all_gpus"}


@pytest.mark.parametrize("chosen", ["cpu", "gpu", "gpu:1", "tpu"])
def test_the_variable_chooses_for_pytorch_too(torch, monkeypatch, chosen):
    monkeypatch.setenv("D2L_GRU_DEVICE", chosen)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    expected = {"cpu": "cpu", "gpu": "cuda:0", "gpu:1": "cuda:1"}
    if chosen == "tpu":
        with pytest.raises(ValueError, match="must be 'cpu', 'gpu' or one like 'gpu:1'"):
            d2l.try_gpu()
    else:
        assert str(d2l.try_gpu()) == expected[chosen]
        assert len(d2l.try_all_gpus()) == (2 if chosen == "gpu" else 1)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
        if chosen != "cpu":
            with pytest.raises(ValueError, match="PyTorch can use no GPU here"):
                d2l.try_gpu()
    monkeypatch.delenv("D2L_GRU_DEVICE")
    assert d2l_gru.torch.try_gpu().type == ("cpu" if torch.cuda.device_count() == 0 else "cuda")


def test_a_gpu_that_is_not_there_is_never_another(torch, monkeypatch):
    from d2l_gru.torch.device import parse_device

    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setenv(devices.VARIABLE, "gpu:2")
    calls = [d2l.try_gpu, d2l.try_all_gpus, lambda: parse_device("gpu:2")]
    for call, source in zip(calls, [devices.VARIABLE] * 2 + ["device"], strict=True):
        with pytest.raises(ValueError) as caught:
            call()
        assert str(caught.value) == (
            f"{source} is 'gpu:2', but PyTorch can use gpu:0, gpu:1 here; "
            "`python -m d2l_gru doctor` tells why"
        )
    with pytest.raises(ValueError, match="--device must be"):
        parse_device("cuda", "--device")


def test_a_gpu_without_a_number_is_the_current_one(torch, monkeypatch):
    """Arrays name their device with its number, and are compared with it."""
    from d2l_gru.torch.device import check_torch_device

    monkeypatch.setattr(torch.cuda, "current_device", lambda: 1)
    names = {"cuda": "cuda:1", "cuda:0": "cuda:0", "cuda:1": "cuda:1", "cpu": "cpu", "cpu:0": "cpu"}
    assert {name: str(check_torch_device(name)) for name in names} == names
    assert check_torch_device("mps") == torch.device("mps", 0)
