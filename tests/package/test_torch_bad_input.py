"""Bad input to the twins raises at once, and names the value and what is allowed."""

import inspect

import pytest

import d2l_gru.torch as d2l
from d2l_gru import devices

torch = pytest.importorskip("torch", reason="needs PyTorch: pip install 'torch>=2.6'")
nn = torch.nn
IDS = [0, 1, 2, 3, 4] * 20
V, H = 5, 4
VOCAB = d2l.Vocab(list("abcd"))
X = torch.tensor([[0, 1], [2, 3]])


def scratch(vocab_size=V, num_hiddens=H, device="cpu"):
    functions = d2l.get_params, d2l.init_gru_state, d2l.gru
    return d2l.RNNModelScratch(vocab_size, num_hiddens, device, *functions)


def concise(vocab_size=V, layer=nn.GRU, **more):
    return d2l.RNNModel(layer(V, H, **more), vocab_size)


def run(make, X, batch_size=2):
    """Run a model on X, with a state for `batch_size` rows, or with none."""
    model = make()
    return model(X, model.begin_state(batch_size, "cpu") if batch_size else [])


def move(make, device):
    make().prepare(device)


def gru(inputs=(3, 2, V), params=11):
    state = (torch.zeros(2, H),)
    return d2l.gru(torch.zeros(inputs), state, d2l.get_params(V, H, "cpu")[:params])


def train(train, **changed):
    arguments = {"model": scratch(), "train_iter": d2l.SeqDataLoader(IDS, 2, 3), "lr": 1}
    return getattr(d2l, train)(**{**arguments, "num_epochs": 1, "device": "cpu", **changed})


def train_epoch(*batches):
    return d2l.train_epoch(scratch(), batches, 1, "cpu")


def one_epoch(device="cpu", clip=1.0):
    return d2l.train_epoch(scratch(), [(X, X)], 1, device, clip)


def captured(batch_size=2, lr=1, device="cpu", clip=1.0):
    return d2l.CapturedStep(scratch(), batch_size, 2, lr, device, clip)


def step(X, Y):
    captured()(X, Y)


def predict(prefix="a", num_preds=1, vocab_size=V, **more):
    return d2l.predict(prefix, num_preds, scratch(vocab_size), VOCAB, "cpu", **more)


def leaf(grad=True):
    param = torch.ones(1, requires_grad=True)
    param.grad = torch.ones(1) if grad else None
    return param


SIZES = [(IDS, 0, 3), (IDS, 10, 10), ([0.5] * 9, 1, 2)]
BAD = {  # the name of a public function, or of a function above: arguments, a tuple or a dict each
    "get_params": [(0, 4, "cpu"), (4, 0, "cpu"), (4, 2, 7), (4, 2, "tpu?")],
    "init_gru_state": [(0, 4, "cpu"), (4, 0, "cpu")],
    "gru": [{"inputs": (2, V)}, {"inputs": (3, 2, 6)}, {"params": 10}],
    "scratch": [{"num_hiddens": 0}, {"device": None}],
    "RNNModel": [("gru", V), (nn.GRUCell(V, H), V)],
    "concise": [
        {"layer": nn.LSTM, "proj_size": 2}, {"vocab_size": 6}, {"vocab_size": "5"},
        {"batch_first": True}, {"bidirectional": True},
    ],
    "run": [
        (make, *more)
        for make in (scratch, concise)
        for more in ((X[:, :1], 3), (X + 4,), (X - 1,), (X[0],), (X / 2,), (X > 1,), ([[1]],),
                     (X.to("meta"),))
    ] + [(concise, X, 0), (concise, X, -1)],
    "move": [(scratch, "meta"), (concise, "meta")],
    "set_seed": [(-1,), (2**31,)],
    "sgd": [
        ([leaf()], 0), ([leaf(False)], 1), ([leaf()], 1, 0), ([leaf().detach()], 1),
        ([("weight", leaf())], 1),
    ],
    "gradient_norm": [([leaf(False)],), ([],)],
    "grad_clipping": [([leaf()], -1), ([leaf(False)], 1)],
    "train_epoch": [(), ((X, X + 9),), ((X + 9, X),), ((X, X[:, :1]),)],
    "one_epoch": [{"clip": 0}, {"device": 3}],
    "captured": [{"batch_size": 0}, {"lr": 0}, {"clip": 0}, {"device": "meta"}],
    "step": [(X[:, 0], X), (X[:1], X), (X, X * 1.0), (X, X + 9), (X.to("meta"), X)],
    "to_torch": [(None,)],
    "to_mxnet": [(None,)],
    "train": [
        {"train": name, **changed}
        for name in ("train", "train_captured")
        for changed in (
            {"lr": 0}, {"num_epochs": 0}, {"clip": 0}, {"device": 3}, {"device": "meta"},
            {"on_epoch": 5}, {"train_iter": d2l.SeqDataLoader([7] * 9, 2, 3)},
            {"train_iter": d2l.SeqDataLoader([0] * 6 + [7], 2, 3)},
        )
    ] + [{"train": "train_captured", "train_iter": []}],
    "train_ch8": [(scratch(), d2l.SeqDataLoader(IDS, 2, 3), VOCAB, -1, 1, "cpu")],
    "predict": [("",), ("x",), {"temperature": -1}, {"num_preds": -1}, {"vocab_size": 6}],
    "predict_ch8": [("", 1, scratch(), VOCAB, "cpu")],
    "try_gpu": [(-1,)],
    "load_data_time_machine": [(0, 3)],
    "seq_data_iter_consecutive": SIZES,
    "seq_data_iter_random": SIZES,
    "SeqDataLoader": SIZES,
}  # fmt: skip
INDIRECTLY = {"fast_gru", "RNNModelScratch", "CapturedStep", "train_captured"}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_raises_and_is_named(name, snapshot):
    call, said = globals().get(name) or getattr(d2l, name), []
    for given in BAD[name]:
        with pytest.raises((ValueError, TypeError)) as caught:
            call(**given) if isinstance(given, dict) else call(*given)
        said.append(f"{caught.type.__name__}: {caught.value}")
    assert said == snapshot


def test_every_twin_has_bad_input_above():
    own = {name for name in d2l.__all__ if "torch" in getattr(d2l, name).__module__}
    with_arguments = {name for name in own if inspect.signature(getattr(d2l, name)).parameters}
    assert with_arguments - INDIRECTLY <= set(BAD)


@pytest.mark.parametrize(
    ("chosen", "device", "count"), [("cpu", "cpu", 1), ("gpu", "cuda:0", 2), ("gpu:1", "cuda:1", 1)]
)
def test_the_variable_chooses_for_pytorch_too(monkeypatch, chosen, device, count):
    monkeypatch.setenv(devices.VARIABLE, chosen)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert str(d2l.try_gpu()) == device and len(d2l.try_all_gpus()) == count
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    if chosen != "cpu":
        with pytest.raises(ValueError, match="PyTorch can use no GPU here"):
            d2l.try_gpu()
    monkeypatch.delenv(devices.VARIABLE)
    assert d2l.try_gpu().type == "cpu"


def test_a_gpu_that_is_not_there_is_never_another(monkeypatch):
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


def test_a_gpu_without_a_number_is_the_current_one(monkeypatch):
    """Arrays name their device with its number, and are compared with it."""
    from d2l_gru.torch.device import check_torch_device

    monkeypatch.setattr(torch.cuda, "current_device", lambda: 1)
    names = {"cuda": "cuda:1", "cuda:0": "cuda:0", "cuda:1": "cuda:1", "cpu": "cpu", "cpu:0": "cpu"}
    assert {name: str(check_torch_device(name)) for name in names} == names
    assert check_torch_device("mps") == torch.device("mps", 0)
