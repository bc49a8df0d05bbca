"""Bad input to the twins raises at once, and names the value and what is allowed."""

import inspect

import frameworks
import pytest

import d2l_gru.torch as d2l
from d2l_gru import devices

pytestmark = pytest.mark.usefixtures("torch")
IDS = [0, 1, 2, 3, 4] * 20
V, H = 5, 4
VOCAB = d2l.Vocab(list("abcd"))


def nn():
    return frameworks.of("torch").torch.nn


def ids(values=((0, 1), (2, 3))):
    return frameworks.of("torch").ids(values)


def scratch(vocab_size=V, num_hiddens=H, device="cpu"):
    functions = d2l.get_params, d2l.init_gru_state, d2l.gru
    return d2l.RNNModelScratch(vocab_size, num_hiddens, device, *functions)


def concise(vocab_size=V, **layer):
    return d2l.RNNModel(nn().GRU(V, H, **layer), vocab_size)


def run(model, X, batch_size=2):
    return model(X, model.begin_state(batch_size, "cpu"))


def gru(inputs=(3, 2, V), params=11):
    zeros = ids().float().new_zeros
    return d2l.gru(zeros(inputs), (zeros(2, H),), d2l.get_params(V, H, "cpu")[:params])


def train(train="train", **changed):
    arguments = {"model": scratch(), "train_iter": d2l.SeqDataLoader(IDS, 2, 3), "lr": 1}
    return getattr(d2l, train)(**{**arguments, "num_epochs": 1, "device": "cpu", **changed})


def epoch(X, Y, device="cpu", **more):
    return d2l.train_epoch(scratch(), [(X, Y)], 1, device, **more)


def step(X=None, Y=None):
    X, Y = (ids() if each is None else each for each in (X, Y))
    return d2l.CapturedStep(scratch(), 2, 2, 1, "cpu")(X, Y)


def leaf(grad=True):
    return frameworks.of("torch").leaf([1.0], [1.0] if grad else None)


def predict(prefix="a", num_preds=1, vocab_size=V, **more):
    return d2l.predict(prefix, num_preds, scratch(vocab_size), VOCAB, "cpu", **more)


CASES = {
    "get_params": [
        lambda: d2l.get_params(0, 4, "cpu"),
        lambda: d2l.get_params(4, 0, "cpu"),
        lambda: d2l.get_params(4, 2, 7),
        lambda: d2l.get_params(4, 2, "tpu?"),
    ],
    "init_gru_state": [
        lambda: d2l.init_gru_state(0, 4, "cpu"),
        lambda: d2l.init_gru_state(4, 0, "cpu"),
    ],
    "gru": [
        lambda: gru(inputs=(2, V)),
        lambda: gru(inputs=(3, 2, 6)),
        lambda: gru(params=10),
    ],
    "RNNModelScratch": [
        lambda: scratch(num_hiddens=0),
        lambda: scratch(device=None),
        lambda: scratch().prepare("meta"),
        lambda: run(scratch(), ids(), 3),
        lambda: run(scratch(), ids() + 4),
        lambda: run(scratch(), ids() - 1),
        lambda: run(scratch(), ids()[0]),
        lambda: run(scratch(), ids() / 2),
        lambda: run(scratch(), ids() > 1),
        lambda: run(scratch(), [[1]]),
        lambda: run(scratch(), ids().to("meta")),
    ],
    "RNNModel": [
        lambda: d2l.RNNModel("gru", V),
        lambda: d2l.RNNModel(nn().GRUCell(V, H), V),
        lambda: d2l.RNNModel(nn().LSTM(V, H, proj_size=2), V),
        lambda: concise(vocab_size=6),
        lambda: concise(vocab_size="5"),
        lambda: concise(batch_first=True),
        lambda: concise(bidirectional=True),
        lambda: concise().prepare("meta"),
        lambda: concise()(ids(), []),
        lambda: concise().begin_state(0, "cpu"),
        lambda: run(concise(), ids()[:, :1], 3),
        lambda: run(concise(), ids() + 4),
        lambda: run(concise(), ids().to("meta")),
    ],
    "set_seed": [lambda: d2l.set_seed(-1), lambda: d2l.set_seed(2**31)],
    "sgd": [
        lambda: d2l.sgd([leaf()], 0),
        lambda: d2l.sgd([leaf(False)], 1),
        lambda: d2l.sgd([leaf()], 1, 0),
        lambda: d2l.sgd([leaf().detach()], 1),
        lambda: d2l.sgd(nn().Linear(1, 1).named_parameters(), 1),
    ],
    "gradient_norm": [
        lambda: d2l.gradient_norm([leaf(False)]),
        lambda: d2l.gradient_norm(iter([])),
    ],
    "grad_clipping": [
        lambda: d2l.grad_clipping([leaf()], -1),
        lambda: d2l.grad_clipping([leaf(False)], 1),
    ],
    "train_epoch": [
        lambda: d2l.train_epoch(scratch(), [], 1, "cpu"),
        lambda: epoch(ids(), ids() + 9),
        lambda: epoch(ids() + 9, ids()),
        lambda: epoch(ids(), ids()[:, :1]),
        lambda: epoch(ids(), ids(), clip=0),
        lambda: epoch(ids(), ids(), device=3),
    ],
    "CapturedStep": [
        lambda: d2l.CapturedStep(scratch(), 2, 3, 0, "cpu"),
        lambda: d2l.CapturedStep(scratch(), 2, 3, 1, "cpu", 0),
        lambda: d2l.CapturedStep(scratch(), 0, 3, 1, "cpu"),
        lambda: d2l.CapturedStep(scratch(), 2, 3, 1, "meta"),
        lambda: step(ids()[:, 0]),
        lambda: step(ids()[:1]),
        lambda: step(Y=ids() * 1.0),
        lambda: step(Y=ids() + 9),
        lambda: step(ids().to("meta")),
    ],
    "to_torch": [lambda: d2l.to_torch(None)],
    "to_mxnet": [lambda: d2l.to_mxnet(None)],
    "train_ch8": [
        lambda: d2l.train_ch8(scratch(), d2l.SeqDataLoader(IDS, 2, 3), VOCAB, -1, 1, "cpu")
    ],
    "predict": [
        lambda: predict(""),
        lambda: predict("x"),
        lambda: predict(temperature=-1),
        lambda: predict(num_preds=-1),
        lambda: predict(vocab_size=6),
    ],
    "predict_ch8": [lambda: d2l.predict_ch8("", 1, scratch(), VOCAB, "cpu")],
    "try_gpu": [lambda: d2l.try_gpu(-1)],
    "load_data_time_machine": [lambda: d2l.load_data_time_machine(0, 3)],
}
for name in ("train", "train_captured"):
    CASES[name] = [
        lambda f=name: train(f, lr=0),
        lambda f=name: train(f, num_epochs=0),
        lambda f=name: train(f, clip=0),
        lambda f=name: train(f, device=3),
        lambda f=name: train(f, device="meta"),
        lambda f=name: train(f, on_epoch=5),
        lambda f=name: train(f, train_iter=d2l.SeqDataLoader([7] * 9, 2, 3)),
        lambda f=name: train(f, train_iter=d2l.SeqDataLoader([0] * 6 + [7], 2, 3)),
    ]
CASES["train_captured"] += [lambda: train("train_captured", train_iter=[])]
for name in ("seq_data_iter_consecutive", "seq_data_iter_random", "SeqDataLoader"):
    CASES[name] = [
        lambda n=name: getattr(d2l, n)(IDS, 0, 3),
        lambda n=name: getattr(d2l, n)(IDS, 10, 10),
        lambda n=name: getattr(d2l, n)([0.5] * 9, 1, 2),
    ]


@pytest.mark.parametrize("name", CASES)
def test_bad_input_raises_and_is_named(name, snapshot):
    said = []
    for call in CASES[name]:
        with pytest.raises((ValueError, TypeError)) as caught:
            call()
        said.append(f"{caught.type.__name__}: {caught.value}")
    assert said == snapshot


def test_every_twin_has_bad_input_above():
    own = {name for name in d2l.__all__ if "torch" in getattr(d2l, name).__module__}
    with_arguments = {name for name in own if inspect.signature(getattr(d2l, name)).parameters}
    assert with_arguments == set(CASES)
    assert own - with_arguments == {"try_all_gpus"}


@pytest.mark.parametrize(
    ("chosen", "device", "count"), [("cpu", "cpu", 1), ("gpu", "cuda:0", 2), ("gpu:1", "cuda:1", 1)]
)
def test_the_variable_chooses_for_pytorch_too(torch, monkeypatch, chosen, device, count):
    monkeypatch.setenv(devices.VARIABLE, chosen)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert str(d2l.try_gpu()) == device and len(d2l.try_all_gpus()) == count
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    if chosen != "cpu":
        with pytest.raises(ValueError, match="PyTorch can use no GPU here"):
            d2l.try_gpu()
    monkeypatch.delenv(devices.VARIABLE)
    assert d2l.try_gpu().type == "cpu"


def test_a_gpu_that_is_not_there_is_never_another(torch, monkeypatch):
    from d2l_gru.torch.device import parse_device

    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setenv(devices.VARIABLE, "gpu:2")
    calls = [d2l.try_gpu, d2l.try_all_gpus, lambda: parse_device("gpu:2")]
    for call, source in zip(calls, [devices.VARIABLE] * 2 + ["device"], strict=True):
        said = f"^{source} is 'gpu:2', but PyTorch can use gpu:0, gpu:1 here; "
        with pytest.raises(ValueError, match=said):
            call()
    for value, source in (("cuda", "--device"), ("tpu", "device")):
        with pytest.raises(ValueError, match=f"^{source} must be 'cpu', 'gpu' or one like"):
            parse_device(value, source)


def test_a_gpu_without_a_number_is_the_current_one(torch, monkeypatch):
    """Arrays name their device with its number, and are compared with it."""
    from d2l_gru.torch.device import check_torch_device

    monkeypatch.setattr(torch.cuda, "current_device", lambda: 1)
    names = {"cuda": "cuda:1", "cuda:0": "cuda:0", "cuda:1": "cuda:1", "cpu": "cpu", "cpu:0": "cpu"}
    assert {name: str(check_torch_device(name)) for name in names} == names
    assert check_torch_device("mps") == torch.device("mps", 0)
