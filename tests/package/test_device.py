"""Devices: the choice, and whole runs on one that is not the default."""

import pytest
from mxnet import Context, cpu, gpu, np, npx
from mxnet.gluon import rnn

import d2l_gru as d2l
from d2l_gru import devices
from d2l_gru.install import nvidia
from d2l_gru.mxnet import device

pytestmark = pytest.mark.usefixtures("seeded")

# To MXNet cpu(1) is another device than cpu(0), on any machine.
HERE, ELSEWHERE = cpu(0), cpu(1)
V, H = 5, 4


def scratch(device):
    return d2l.RNNModelScratch(V, H, device, d2l.get_params, d2l.init_gru_state, d2l.gru)


def concise(device):
    model = d2l.RNNModel(rnn.GRU(H), V)
    model.prepare(device)
    return model


both = pytest.mark.parametrize("make", [scratch, concise])


@pytest.fixture
def loader():
    return d2l.SeqDataLoader([1, 2, 3, 4] * 10, 2, 3)


@pytest.mark.parametrize(
    ("num_gpus", "i", "expected"),
    [(0, 0, cpu()), (1, 0, gpu(0)), (1, 1, cpu()), (2, 1, gpu(1)), (2, 5, cpu())],
)
def test_try_gpu_takes_a_gpu_that_is_there(monkeypatch, num_gpus, i, expected):
    monkeypatch.setattr(npx, "num_gpus", lambda: num_gpus)
    assert d2l.try_gpu(i) == expected
    assert i or d2l.try_gpu() == expected


def test_try_gpu_on_this_machine():
    device = d2l.try_gpu()
    assert isinstance(device, Context)
    assert (device.device_type == "gpu") == (npx.num_gpus() > 0)


@both
def test_everything_lives_on_the_device_that_is_asked_for(make, loader):
    model = make(ELSEWHERE)
    assert all(h.ctx == ELSEWHERE for h in model.begin_state(2, ELSEWHERE))
    assert len(d2l.train(model, loader, 1, 1, ELSEWHERE).perplexity) == 1
    assert all(p.ctx == p.grad.ctx == ELSEWHERE for p in model.parameters())
    vocab = d2l.Vocab(list("abcd"))
    assert d2l.predict("abc", 0, model, vocab, ELSEWHERE) == "abc"
    assert d2l.predict("abc", 4, model, vocab, ELSEWHERE, temperature=0.5).startswith("abc")
    assert d2l.predict_ch8("abc", 0, model, vocab, ELSEWHERE) == "abc"


def test_without_a_device_the_choice_is_try_gpu_s(loader):
    trained, completed = d2l.RNNModel(rnn.GRU(H), V), d2l.RNNModel(rnn.GRU(H), V)
    d2l.train(trained, loader, 1, 1)
    assert d2l.predict("abc", 1, completed, d2l.Vocab(list("abcd"))).startswith("abc")
    for model in (trained, completed):
        assert all(param.ctx == d2l.try_gpu() for param in model.parameters())


@both
@pytest.mark.parametrize("call", ["train", "predict", "prepare"])
def test_a_model_elsewhere_is_an_error_that_names_both_devices(make, loader, call):
    model, before = make(ELSEWHERE), []
    calls = {
        "train": lambda: d2l.train(model, loader, 1, 1, HERE, on_epoch=before.append),
        "predict": lambda: d2l.predict("a", 1, model, d2l.Vocab(list("abcd")), HERE),
        "prepare": lambda: model.prepare(HERE),
    }
    with pytest.raises(ValueError, match=r"cpu\(1\).*but cpu\(0\)"):
        calls[call]()
    assert before == []


@both
def test_ids_and_states_elsewhere_are_errors_that_name_both_devices(make, loader, snapshot):
    model = make(HERE)
    X, _ = next(iter(loader))
    at = {device: X.as_in_ctx(device) for device in (HERE, ELSEWHERE)}
    for ids, state_device in [(ELSEWHERE, HERE), (HERE, ELSEWHERE)]:
        with pytest.raises(ValueError, match="is on cpu") as caught:
            model(at[ids], model.begin_state(2, state_device))
        assert str(caught.value) == snapshot


def test_gru_names_the_array_that_is_elsewhere():
    inputs, (H0,) = np.zeros((3, 2, V)), d2l.init_gru_state(2, H, HERE)
    params = d2l.get_params(V, H, HERE)
    with pytest.raises(ValueError, match=r"H is on cpu\(1\), but cpu\(0\)"):
        d2l.gru(inputs, (H0.as_in_ctx(ELSEWHERE),), params)
    params[7] = params[7].as_in_ctx(ELSEWHERE)
    with pytest.raises(ValueError, match=r"W_hh is on cpu\(1\), but cpu\(0\)"):
        d2l.gru(inputs, (H0,), params)


@pytest.fixture
def two_gpus(monkeypatch):
    monkeypatch.setattr(npx, "num_gpus", lambda: 2)
    monkeypatch.delenv(device.VARIABLE, raising=False)


@pytest.mark.parametrize(
    ("chosen", "first", "second", "every"),
    [
        ("", gpu(0), gpu(1), [gpu(0), gpu(1)]),
        ("cpu", cpu(), cpu(), [cpu()]),
        ("cpu:1", cpu(1), cpu(1), [cpu(1)]),
        ("gpu", gpu(0), gpu(1), [gpu(0), gpu(1)]),
        ("gpu:1", gpu(1), gpu(1), [gpu(1)]),
    ],
)
def test_the_variable_chooses_for_all(monkeypatch, two_gpus, chosen, first, second, every):
    monkeypatch.setenv(device.VARIABLE, chosen)
    assert d2l.try_gpu() == first and d2l.try_gpu(1) == second
    assert d2l.try_all_gpus() == every


@pytest.mark.parametrize(("chosen", "i", "allowed"), [("gpu:0", 1, "0"), ("gpu:1", 2, "0 or 1")])
def test_the_one_gpu_that_is_chosen_never_becomes_another(
    monkeypatch, two_gpus, chosen, i, allowed
):
    monkeypatch.setenv(device.VARIABLE, chosen)
    with pytest.raises(ValueError) as caught:
        d2l.try_gpu(i)
    said = f"D2L_GRU_DEVICE is '{chosen}', which leaves out gpu:{i}: i must be {allowed}"
    assert str(caught.value) == said


@pytest.mark.parametrize("chosen", ["gpu:2", "gpu:10"])
def test_a_gpu_that_is_not_there_is_never_another(monkeypatch, two_gpus, chosen):
    monkeypatch.setenv(device.VARIABLE, chosen)
    for call in (d2l.try_gpu, d2l.try_all_gpus):
        with pytest.raises(ValueError) as caught:
            call()
        assert str(caught.value) == (
            f"D2L_GRU_DEVICE is '{chosen}', but MXNet can use gpu:0, gpu:1 here; "
            "`python -m d2l_gru doctor` tells why"
        )


def test_gpu_of_the_variable_is_the_one_that_is_asked_for(monkeypatch, two_gpus):
    monkeypatch.setenv(device.VARIABLE, "gpu")
    with pytest.raises(ValueError, match="^D2L_GRU_DEVICE is 'gpu:2', but MXNet can use gpu:0, "):
        d2l.try_gpu(2)


def test_without_a_gpu_asking_for_one_raises(monkeypatch):
    monkeypatch.setattr(npx, "num_gpus", lambda: 0)
    assert d2l.try_all_gpus() == [cpu()]
    monkeypatch.setenv(device.VARIABLE, "gpu")
    for call in (d2l.try_gpu, d2l.try_all_gpus, lambda: d2l.try_gpu(1)):
        with pytest.raises(ValueError, match="'gpu', but MXNet can use no GPU here; `python -m"):
            call()


def test_the_names_need_no_framework(monkeypatch):
    monkeypatch.delenv(device.VARIABLE, raising=False)
    there = {"gpus": lambda: [1], "framework": "none"}
    assert [devices.choose(i, **there) for i in (0, 1)] == [("cpu", 0), ("gpu", 1)]
    assert devices.choose_all(**there) == [("gpu", 1)]
    assert devices.choose_all(list, "none") == [("cpu", 0)]
    monkeypatch.setenv(device.VARIABLE, "cpu:3")
    assert [devices.choose(i, **there) for i in (0, 1)] == [("cpu", 3), ("cpu", 3)]
    assert devices.choose_all(**there) == [("cpu", 3)]


@pytest.mark.parametrize("name", ["GPU", "gpu:", "gpu:-1", "cpu:", "cuda", "gpu:1 "])
def test_another_name_is_refused(monkeypatch, name):
    allowed = f"must be 'cpu', 'gpu' or one like 'gpu:1', not {name!r}"
    with pytest.raises(ValueError, match=f"^device {allowed}$"):
        device.parse_device(name)
    with pytest.raises(ValueError, match=f"^--device {allowed}$"):
        device.parse_device(name, "--device")
    monkeypatch.setenv(device.VARIABLE, name)
    with pytest.raises(ValueError, match=f"^D2L_GRU_DEVICE {allowed}$"):
        d2l.try_gpu()


def test_a_name_is_one_device(two_gpus):
    names = {"cpu": cpu(), "cpu:1": cpu(1), "gpu": gpu(0), "gpu:0": gpu(0), "gpu:1": gpu(1)}
    assert {name: device.parse_device(name) for name in names} == names
    with pytest.raises(ValueError, match="^device is 'gpu:2', but MXNet can use gpu:0, gpu:1 here"):
        device.parse_device("gpu:2")


def test_a_gpu_without_code_is_not_taken(monkeypatch, two_gpus):
    gpus = [nvidia.Gpu(0, "H100", (9, 0)), nvidia.Gpu(1, "A100", (8, 0))]
    monkeypatch.setattr(nvidia, "find_driver", lambda: nvidia.Driver((12, 4), gpus))
    assert d2l.try_gpu() == cpu() and d2l.try_gpu(1) == gpu(1) and d2l.try_all_gpus() == [gpu(1)]
    monkeypatch.setenv(device.VARIABLE, "gpu:0")
    with pytest.raises(ValueError, match="can use gpu:1 here"):
        d2l.try_gpu()
