"""PyTorch's models against MXNet's with the same weights, and against float64 NumPy."""

import contextlib

import numpy
import pytest
import reference_gru as ref
from mxnet import autograd, cpu, gluon
from mxnet import np as mxnp
from mxnet.gluon import rnn

import d2l_gru
import d2l_gru.torch as d2l

pytestmark = pytest.mark.usefixtures("torch", "seeded")
V, H, B, T = 5, 4, 3, 6


def scratch_mxnet(p):
    functions = d2l_gru.get_params, d2l_gru.init_gru_state, d2l_gru.gru
    model = d2l_gru.RNNModelScratch(len(p["W_xz"]), len(p["b_z"]), cpu(), *functions)
    for param, name in zip(model.params, ref.NAMES, strict=True):
        param[:] = mxnp.array(p[name])
    return model


def concise_mxnet(scale=0.7, num_layers=1, vocab_size=V, num_hiddens=H):
    model = d2l_gru.RNNModel(rnn.GRU(num_hiddens, num_layers=num_layers), vocab_size)
    model.prepare(cpu())
    model(mxnp.zeros((1, 1), dtype="int32"), model.begin_state(1, cpu()))
    rng = numpy.random.default_rng(3)
    for param in model.parameters():
        param[:] = mxnp.array(rng.normal(scale=scale, size=param.shape))
    return model


def models():
    """Yield (name, a model of MXNet, its twin)."""
    yield "scratch", scratch_mxnet(ref.random_params(V, H))
    yield "concise", concise_mxnet()
    yield "two layers", concise_mxnet(num_layers=2)
    yield "the book's size, scratch", scratch_mxnet(ref.random_params(28, 256, scale=0.1))
    yield "the book's size, concise", concise_mxnet(0.1, 1, 28, 256)


@pytest.fixture(params=["scratch", "concise", "two layers", "the book's size, scratch",
                        "the book's size, concise"])  # fmt: skip
def pair(request):
    on_mxnet = dict(models())[request.param]
    return on_mxnet, d2l.to_torch(on_mxnet)


def ids(vocab_size=V, rows=B, steps=T):
    return numpy.random.default_rng(1).integers(0, vocab_size, (2, rows, steps))


def loss_of_mxnet(model, X, Y):
    loss = gluon.loss.SoftmaxCrossEntropyLoss()
    with autograd.record():
        Y_hat, state = model(mxnp.array(X, dtype="int32"), model.begin_state(len(X), cpu()))
        l = loss(Y_hat, mxnp.array(Y.T.reshape(-1))).mean()
    l.backward()
    return Y_hat.asnumpy(), state[0].asnumpy(), [p.grad.asnumpy() for p in model.parameters()]


def loss_of_torch(torch, model, X, Y):
    X, Y = torch.from_numpy(X), torch.from_numpy(Y)
    Y_hat, state = model(X, model.begin_state(len(X), "cpu"))
    torch.nn.functional.cross_entropy(Y_hat, Y.T.reshape(-1)).backward()
    grads = [p.grad.numpy() for p in model.parameters()]
    return Y_hat.detach().numpy(), state[0].detach().numpy(), grads


def close(a, b, atol):
    numpy.testing.assert_allclose(a, b, rtol=0, atol=atol)


def test_the_same_weights_give_the_same_logits_state_and_gradients(torch, pair):
    on_mxnet, on_torch = pair
    X, Y = ids(on_mxnet.vocab_size)
    here, there = loss_of_torch(torch, on_torch, X, Y), loss_of_mxnet(on_mxnet, X, Y)
    close(here[0], there[0], 1e-5)
    close(here[1], there[1], 1e-5)
    assert numpy.abs(there[0]).max() > 0.3  # the gates have something to do
    for a, b in zip(here[2], there[2], strict=True):
        close(a, b, 1e-4)
    assert max(numpy.abs(grad).max() for grad in there[2]) > 1e-2


def test_weights_that_went_there_and_back_are_the_same(pair):
    on_mxnet, on_torch = pair
    back = d2l.to_mxnet(on_torch)
    assert type(back) is type(on_mxnet)
    for a, b in zip(back.parameters(), on_mxnet.parameters(), strict=True):
        numpy.testing.assert_array_equal(a.asnumpy(), b.asnumpy())


@pytest.mark.parametrize("make", [lambda: scratch_mxnet(ref.random_params(V, H)), concise_mxnet])
def test_weights_go_to_the_device_that_is_asked_for(make):
    on_torch = d2l.to_torch(make())
    for device in (None, cpu(0), cpu(1)):
        back = d2l.to_mxnet(on_torch, device)
        for a, b in zip(back.parameters(), on_torch.parameters(), strict=True):
            assert a.ctx == a.grad.ctx == (device or cpu())
            numpy.testing.assert_array_equal(a.asnumpy(), b.detach().numpy())


@pytest.mark.parametrize("kind", ["scratch", "concise"])
def test_logits_and_gradients_are_those_of_float64(torch, kind):
    X, Y = ids()
    if kind == "scratch":
        p, reset = ref.random_params(V, H), "before"
        model = d2l.to_torch(scratch_mxnet(p))
        grads = ref.gradients(ref.one_hot(X, V), numpy.zeros((B, H)), p, reset, Y)
        expected = [grads[name] for name in ref.NAMES]
    else:
        on_mxnet, reset = concise_mxnet(), "after"
        p = ref.from_gluon(on_mxnet.rnn, on_mxnet.dense)
        model = d2l.to_torch(on_mxnet)
        grads = ref.gradients(ref.one_hot(X, V), numpy.zeros((B, H)), p, reset, Y)
        stacked = {k: numpy.concatenate([grads[f"W_{k}{g}"].T for g in "rzh"]) for k in "xh"}
        inputs, hidden = (
            numpy.concatenate([grads["b_r"], grads["b_z"], grads[name]]) for name in ("b_h", "c_h")
        )
        expected = [stacked["x"], stacked["h"], inputs, hidden, grads["W_hq"].T, grads["b_q"]]
    logits, last, _ = ref.forward(ref.one_hot(X, V), numpy.zeros((B, H)), p, reset)
    Y_hat, state, found = loss_of_torch(torch, model, X, Y)
    close(Y_hat, logits, 1e-5)
    close(state.reshape(B, H), last, 1e-5)
    for a, b in zip(found, expected, strict=True):
        close(a, b, 1e-5)


def test_both_frameworks_read_minibatches_of_the_same_ids():
    for order in (False, True):
        d2l.set_seed(3)
        theirs = list(d2l_gru.SeqDataLoader(range(200), 4, 7, order))
        d2l.set_seed(3)
        ours = list(d2l.SeqDataLoader(range(200), 4, 7, order))
        assert len(ours) == len(theirs) > 3
        for (X, Y), (A, B) in zip(ours, theirs, strict=True):
            assert X.dtype == Y.dtype and str(X.dtype) == "torch.int64"
            numpy.testing.assert_array_equal(X.numpy(), A.asnumpy())
            numpy.testing.assert_array_equal(Y.numpy(), B.asnumpy())
    for name in ("seq_data_iter_consecutive", "seq_data_iter_random"):
        d2l.set_seed(4)
        X, _ = next(getattr(d2l_gru, name)(range(200), 4, 7))
        d2l.set_seed(4)
        A, _ = next(getattr(d2l, name)(range(200), 4, 7))
        numpy.testing.assert_array_equal(A.numpy(), X.asnumpy())


def test_both_frameworks_load_the_same_story(monkeypatch):
    monkeypatch.setenv("D2L_GRU_DATA", "sample")
    theirs, their_vocab = d2l_gru.load_data_time_machine(2, 3)
    ours, vocab = d2l.load_data_time_machine(2, 3)
    numpy.testing.assert_array_equal(ours.corpus, theirs.corpus)
    assert vocab.token_freqs == their_vocab.token_freqs
    assert (ours.batch_size, ours.num_steps, ours.use_random_iter) == (2, 3, False)
    ours, _ = d2l.load_data_time_machine(4, 5, True, 101)
    numpy.testing.assert_array_equal(ours.corpus, theirs.corpus[:101])
    assert (ours.batch_size, ours.num_steps, ours.use_random_iter) == (4, 5, True)


def test_parameters_are_drawn_as_mxnet_draws_them(torch):
    params = d2l.get_params(28, 256, "cpu")
    shapes = [tuple(param.shape) for param in params]
    assert shapes == [param.shape for param in d2l_gru.get_params(28, 256, cpu())]
    assert all(param.requires_grad for param in params)
    concise = d2l.RNNModel(torch.nn.GRU(28, 256), 28)
    for param in [*params, *concise.parameters()]:
        if param.ndim == 1:
            assert not param.any()
        else:
            assert abs(param.std().item() / 0.01 - 1) < 0.05 and abs(param.mean().item()) < 5e-4
    d2l.set_seed(0)
    first = d2l.get_params(3, 2, "cpu")
    d2l.set_seed(0)
    assert all(map(torch.equal, first, d2l.get_params(3, 2, "cpu")))


def test_one_of_everything_is_enough(torch):
    functions = d2l.get_params, d2l.init_gru_state, d2l.gru
    for model in (
        d2l.RNNModelScratch(1, 1, "cpu", *functions),
        d2l.RNNModel(torch.nn.GRU(1, 1), 1),
    ):
        Y_hat, state = model(torch.tensor([[0]]), model.begin_state(1, "cpu"))
        assert Y_hat.shape == (1, 1) and state[0].numel() == 1


def test_a_new_model_moves_to_the_device_once(torch, monkeypatch):
    model, moved = d2l.RNNModel(torch.nn.GRU(V, H, 2), V), []
    monkeypatch.setattr(model, "to", moved.append)
    for device in ("cuda:0", "cpu", "cuda:0"):  # of which `to` says only that it was called
        with contextlib.suppress(ValueError):
            model.prepare(device)
    assert moved == [torch.device("cuda:0"), torch.device("cpu")]
    with pytest.raises(ValueError, match="the model is on cpu, but cuda:0 is asked for"):
        model.prepare("cuda:0")


def test_a_layer_may_keep_what_it_holds(torch):
    layer = torch.nn.GRU(V, H)
    before = layer.weight_hh_l0.detach().clone()
    assert torch.equal(d2l.RNNModel(layer, V, sigma=None).rnn.weight_hh_l0, before)
    assert not torch.equal(d2l.RNNModel(layer, V).rnn.weight_hh_l0, before)


def test_a_gate_held_open_or_shut(torch):
    p = ref.random_params(V, H)
    X, _ = ids()
    inputs = torch.nn.functional.one_hot(torch.from_numpy(X.T), V).float()
    H0 = torch.rand(B, H)
    for b_z, expected in ((60, lambda: H0), (-60, None)):
        params = [torch.tensor(p[name]).float() for name in ref.NAMES]
        params[2].fill_(b_z)
        _, (H1,) = d2l.gru(inputs, (H0,), params)
        if expected:
            close(H1, expected(), 1e-6)
        else:
            assert (H1 - H0).abs().max() > 0.1


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda torch: d2l.to_torch(5), "one of d2l_gru, not 5"),
        (lambda torch: d2l.to_mxnet(5), "one of d2l_gru.torch, not 5"),
        (lambda torch: d2l.to_torch(d2l_gru.RNNModel(rnn.LSTM(H), V)), "gluon.rnn.GRU, not LSTM"),
        (lambda torch: d2l.to_mxnet(d2l.RNNModel(torch.nn.RNN(V, H), V)), "nn.GRU with biases"),
        (lambda torch: d2l.to_mxnet(d2l.RNNModel(torch.nn.GRU(V, H, bias=False), V)), "biases"),
        (
            lambda torch: d2l.to_torch(
                d2l_gru.RNNModelScratch(
                    V, H, cpu(), d2l_gru.get_params, d2l_gru.init_gru_state, max
                )
            ),
            "forward_fn must be d2l_gru.mxnet.scratch.gru",
        ),
        (
            lambda torch: d2l.to_mxnet(
                d2l.RNNModelScratch(V, H, "cpu", d2l.get_params, d2l.init_gru_state, max)
            ),
            "forward_fn must be d2l_gru.torch.scratch.gru",
        ),
    ],
)
def test_a_model_without_a_twin_is_refused(torch, make, said, snapshot):
    with pytest.raises((TypeError, ValueError)) as caught:
        make(torch)
    assert said in str(caught.value)
    assert str(caught.value) == snapshot
