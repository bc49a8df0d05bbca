"""One step of training against the reference, then whole runs."""

import math
import re
import sys
import time
import types

import numpy
import pytest
import reference_gru as ref
from mxnet import cpu, np, npx
from mxnet.gluon import rnn

import d2l_gru as d2l
from d2l_gru import _checks
from d2l_gru.mxnet.parallel import DataParallel, train_epoch_parallel

pytestmark = pytest.mark.usefixtures("seeded")

V, H, B, T = 5, 4, 3, 6


def scratch_model(p, vocab_size=V):
    """Return a model with the parameters `p`."""

    def get_params(vocab_size, num_hiddens, device):
        params = [np.array(p[name], dtype="float32", ctx=device) for name in ref.NAMES]
        for param in params:
            param.attach_grad()
        return params

    num_hiddens = len(p["b_z"])
    return d2l.RNNModelScratch(
        vocab_size, num_hiddens, cpu(), get_params, d2l.init_gru_state, d2l.gru
    )


def minibatches(n, batch_size=B, seed=1):
    rng = numpy.random.default_rng(seed)
    return [
        tuple(np.array(ids, dtype="int32") for ids in rng.integers(0, V, (2, batch_size, T)))
        for _ in range(n)
    ]


def numpy_of(X, Y):
    return ref.one_hot(X.asnumpy(), V), Y.asnumpy()


class Independent(list):
    """Minibatches that are no continuation of each other."""

    use_random_iter = True


class Spy:
    """A model that remembers its states and logits."""

    def __init__(self, model):
        self.model, self.states_in, self.states_out, self.logits = model, [], [], []
        self.begin_state, self.parameters = model.begin_state, model.parameters
        self.prepare = model.prepare

    def __call__(self, X, state):
        self.states_in.append(state[0].asnumpy())
        Y_hat, state = self.model(X, state)
        self.states_out.append(state[0].asnumpy())
        self.logits.append(Y_hat.asnumpy())
        return Y_hat, state


def with_gradients(*values):
    """Return arrays of ones with these gradients."""
    params = []
    for value in values:
        grad = np.array(value, dtype="float32")
        params.append(np.ones(grad.shape))
        params[-1].attach_grad()
        params[-1].grad[:] = grad
    return params


def grads_of(params):
    return [param.grad.asnumpy() for param in params]


# Perplexity, clipping and descent.


def test_perplexity_is_the_exponential_of_the_loss():
    assert d2l.perplexity(0) == 1
    assert math.isclose(d2l.perplexity(math.log(28)), 28)
    assert d2l.perplexity(1e6) == math.inf
    assert math.isnan(d2l.perplexity(math.nan))


@pytest.mark.parametrize("theta", [0.01, 1, 12.9])
def test_a_clipped_gradient_has_norm_theta_and_the_same_direction(theta):
    before = [numpy.array([[3.0, -4.0]]), numpy.array([12.0]), numpy.zeros(2)]  # joint norm 13
    params = with_gradients(*before)
    norm = d2l.grad_clipping(params, theta)
    assert math.isclose(float(norm), 13, rel_tol=1e-6)
    after = grads_of(params)
    assert math.isclose(ref.joint_norm(after), theta, rel_tol=1e-5)
    for old, new in zip(before, after, strict=True):
        numpy.testing.assert_allclose(new, old * theta / 13, rtol=1e-5)
    assert all((param == 1).all() for param in params)  # the parameters stay


@pytest.mark.parametrize("theta", [13, 13.5, 1e6, sys.float_info.max])
def test_a_gradient_within_theta_is_left_alone_to_the_last_bit(theta):
    params = with_gradients([[3, -4]], [12])
    assert float(d2l.grad_clipping(params, theta)) == 13
    assert [grad.tolist() for grad in grads_of(params)] == [[[3, -4]], [12]]


def test_a_gradient_of_zero_stays_zero():
    params = with_gradients([0, 0], [0])
    assert float(d2l.grad_clipping(params, 1)) == 0
    assert not any(grad.any() for grad in grads_of(params))


def test_clipping_takes_a_model():
    model = scratch_model(ref.random_params(V, H))
    for param in model.params:
        param.grad[:] = 1
    assert float(d2l.grad_clipping(model, 0.5)) == pytest.approx(
        math.sqrt(sum(param.size for param in model.params)), rel=1e-5
    )
    assert ref.joint_norm(grads_of(model.params)) == pytest.approx(0.5, rel=1e-5)


def test_the_gradient_norm_is_joint():
    assert float(d2l.gradient_norm(with_gradients([[3, -4]], [12], [0]))) == 13


def test_sgd_subtracts_lr_times_the_gradient():
    params = with_gradients([2, -4], [[0.5]])
    d2l.sgd(params, 0.25)
    assert [param.asnumpy().tolist() for param in params] == [[0.5, 2.0], [[0.875]]]
    assert [grad.tolist() for grad in grads_of(params)] == [[2, -4], [[0.5]]]


@pytest.mark.parametrize(
    "given",
    [
        lambda model: model.parameters(),
        lambda model: (param for param in model.parameters()),
        lambda model: dict(enumerate(model.parameters())),
        lambda model: model,
        lambda model: model.collect_params(),
        lambda model: model.collect_params().values(),
    ],
)
def test_parameters_are_given_in_any_form(given):
    model = concise_model()
    for param in model.parameters():
        param.grad[:] = 1
    model.dense.weight.grad_req = "null"  # it is frozen
    frozen, size = model.dense.weight.data().asnumpy(), sum(p.size for p in model.parameters())
    assert float(d2l.gradient_norm(given(model))) == pytest.approx(math.sqrt(size))
    assert float(d2l.grad_clipping(given(model), 0.5)) == pytest.approx(math.sqrt(size))
    before = [param.asnumpy() for param in model.parameters()]
    d2l.sgd(given(model), 2)
    moved = [old - new.asnumpy() for old, new in zip(before, model.parameters(), strict=True)]
    assert ref.joint_norm(moved) == pytest.approx(1, rel=1e-4)
    assert (model.dense.weight.data().asnumpy() == frozen).all()


def test_one_array_is_not_its_rows():
    (param,) = with_gradients([[3.0, 4.0], [0.0, 0.0]])
    assert float(d2l.gradient_norm(param)) == float(d2l.grad_clipping(param, 2.5)) == 5
    d2l.sgd(param, 1)
    assert param.tolist() == [[-0.5, -1], [1, 1]]


@pytest.mark.parametrize("size", [1e19, 3e30, 1e-25])
def test_a_norm_neither_overflows_nor_vanishes(size):
    params = with_gradients([3 * size, -4 * size], [[12 * size]])
    assert float(d2l.gradient_norm(params)) == pytest.approx(13 * size, rel=1e-6)
    d2l.grad_clipping(params, 6.5 * size)
    expected = [[1.5 * size, -2 * size], [[6 * size]]]
    for grad, value in zip(grads_of(params), expected, strict=True):
        numpy.testing.assert_allclose(grad, value, rtol=1e-6)


@pytest.mark.parametrize("value", [math.inf, math.nan])
def test_a_gradient_that_is_no_number_is_seen(value):
    params = with_gradients([value, 1], [1])
    assert not math.isfinite(d2l.grad_clipping(params, 1))
    assert math.isnan(params[0].grad[0])
    model = scratch_model(ref.random_params(V, H))
    model.params[-1][0] = value  # a run that diverged
    history = d2l.train(model, minibatches(2), 1, 2, cpu())
    assert math.isnan(history.perplexity[-1]) and math.isnan(history.gradient_norm[-1])


# One epoch.


def test_nothing_but_an_epochs_sums_is_read_from_a_gpu(monkeypatch):
    """Here another device of the CPU stands for it, since MXNet has the same code for both."""
    gpu, reads, read = cpu(1), [], np.ndarray.asnumpy
    where = [types.SimpleNamespace(ctx=device) for device in (cpu(), gpu, npx.gpu())]
    assert [_checks._is_on_cpu(array) for array in where] == [True, True, False]
    monkeypatch.setattr(_checks, "_is_on_cpu", lambda X: X.ctx != gpu)
    monkeypatch.setattr(
        np.ndarray, "asnumpy", lambda self: reads.append((self.ctx, self.shape)) or read(self)
    )
    replicas = [d2l.RNNModel(rnn.GRU(H), V) for _ in range(2)]
    for model in replicas:
        model.prepare(gpu)
    scratch = d2l.RNNModelScratch(V, H, gpu, d2l.get_params, d2l.init_gru_state, d2l.gru)
    pair = DataParallel(replicas[:1])
    for epoch in (
        lambda batches: d2l.train_epoch(replicas[1], batches, 1, gpu),
        lambda batches: d2l.train_epoch(scratch, batches, 1, gpu),
        lambda batches: train_epoch_parallel(pair, batches, 1),
    ):
        reads.clear()
        epoch(minibatches(4))
        assert [shape for ctx, shape in reads if ctx == gpu] == [(), ()]  # loss, largest norm
        with pytest.raises(ValueError, match="but X holds"):
            epoch([(X + 9, Y) for X, Y in minibatches(1)])


def test_ids_may_be_floats_which_are_mxnets_default():
    model, (batch,) = concise_model(), minibatches(1)
    as_floats = tuple(ids.astype("float32") for ids in batch)
    expected = d2l.train_epoch(model, [batch], 1e-9, cpu())
    found = d2l.train_epoch(model, [as_floats], 1e-9, cpu())
    assert (found[0], found[2]) == pytest.approx((expected[0], expected[2]))


def frozen_scratch(device):
    """Return a model, its frozen arrays and its other ones."""
    model = d2l.RNNModelScratch(V, H, device, d2l.get_params, d2l.init_gru_state, d2l.gru)
    for param in model.params[:9]:
        param.attach_grad("null")
    return model, model.params[:9], model.params[9:]


def frozen_concise(device):
    model = d2l.RNNModel(rnn.GRU(H), V)
    model.prepare(device)
    model.rnn.collect_params().setattr("grad_req", "null")
    arrays = [param.data() for param in model.collect_params().values()]
    return model, arrays[:4], arrays[4:]


@pytest.mark.parametrize("make", [frozen_scratch, frozen_concise])
@pytest.mark.parametrize("clip", [1.0, None])
def test_frozen_parameters_stay_and_the_others_are_trained(make, clip):
    model, frozen, trained = make(cpu())
    before = [param.asnumpy() for param in frozen + trained]
    history = d2l.train(model, minibatches(2), 0.5, 1, cpu(), clip=clip)
    assert history.gradient_norm[0] > 0
    same = [(old == new.asnumpy()).all() for old, new in zip(before, frozen + trained, strict=True)]
    assert same == [True] * len(frozen) + [False] * 2
    for param in trained:
        param.attach_grad("null")
    if make is frozen_concise:
        model.collect_params().setattr("grad_req", "null")
    with pytest.raises(ValueError, match="depends on no array to train: all are frozen"):
        d2l.train(model, minibatches(2), 0.5, 1, cpu())


@pytest.mark.parametrize("make", [frozen_scratch, frozen_concise])
def test_replicas_share_what_is_frozen(make):
    batches = [(np.tile(X, (2, 1)), np.tile(Y, (2, 1))) for X, Y in minibatches(3)]
    models = [make(device) for device in (cpu(), cpu(), cpu(1))]
    one, first, second = (frozen + trained for _, frozen, trained in models)
    for a, b in zip(one, first, strict=True):
        b[:] = a
    pair = DataParallel([models[1][0], models[2][0]])
    alone = d2l.train_epoch(models[0][0], batches, 0.5, cpu())
    assert train_epoch_parallel(pair, batches, 0.5)[0] == pytest.approx(alone[0], rel=1e-5)
    for a, *replicas in zip(one, first, second, strict=True):
        for b in replicas:
            numpy.testing.assert_allclose(b.asnumpy(), a.asnumpy(), rtol=0, atol=1e-6)


@pytest.mark.parametrize("clip", [None, 0.05])
def test_one_step_moves_the_parameters_as_the_reference_says(clip):
    p = ref.random_params(V, H)
    model, (batch,) = scratch_model(p), minibatches(1)
    inputs, Y = numpy_of(*batch)
    grads = ref.gradients(inputs, numpy.zeros((B, H)), p, "before", Y)
    norm = ref.joint_norm(grads.values())
    assert norm > 0.1
    scale = 1 if clip is None else clip / norm
    _, _, measured = d2l.train_epoch(model, [batch], 0.5, cpu(), clip)
    assert measured == pytest.approx(norm, rel=1e-5)
    for name, param in zip(ref.NAMES, model.params, strict=True):
        expected = p[name] - 0.5 * scale * grads[name]
        numpy.testing.assert_allclose(param.asnumpy(), expected, atol=1e-5, err_msg=name)


@pytest.mark.parametrize(
    "train",
    [
        lambda model, batches: d2l.train_epoch(model, batches, 0.1, cpu()),
        lambda model, batches: d2l.train(model, batches, 0.1, 1, cpu()),
    ],
)
def test_gradients_are_clipped_at_1_unless_told_otherwise(train):
    p = ref.random_params(V, H, scale=3)
    model, (batch,) = scratch_model(p), minibatches(1)
    inputs, Y = numpy_of(*batch)
    grads = ref.gradients(inputs, numpy.zeros((B, H)), p, "before", Y)
    assert ref.joint_norm(grads.values()) > 1.2
    before = [param.asnumpy() for param in model.params]
    train(model, [batch])
    moved = [old - new.asnumpy() for old, new in zip(before, model.params, strict=True)]
    assert ref.joint_norm(moved) == pytest.approx(0.1, rel=1e-4)


def concise_model():
    model = d2l.RNNModel(rnn.GRU(H), V)
    model.prepare(cpu())
    return model


@pytest.mark.parametrize("make", [lambda: scratch_model(ref.random_params(V, H)), concise_model])
def test_the_perplexity_of_an_epoch_is_that_of_its_mean_loss(make):
    spy = Spy(make())
    batches = Independent(minibatches(3) + minibatches(2, batch_size=1, seed=2))
    ppl, _, _ = d2l.train_epoch(spy, batches, 0.5, cpu())
    sizes = [Y.size for _, Y in batches]
    losses = [
        ref.mean_loss(Y_hat, Y.asnumpy()) for Y_hat, (_, Y) in zip(spy.logits, batches, strict=True)
    ]
    assert numpy.ptp(losses) > 0.001  # else a mean of the wrong kind would pass
    assert ppl == pytest.approx(math.exp(numpy.average(losses, weights=sizes)), rel=1e-5)


class Slow(list):
    """Minibatches that take a tenth of a second."""

    def __iter__(self):
        time.sleep(0.1)
        return super().__iter__()


def test_the_speed_of_an_epoch_is_its_tokens_over_its_seconds():
    batches = Slow(minibatches(2))
    start = time.perf_counter()
    _, speed, _ = d2l.train_epoch(concise_model(), batches, 0.5, cpu())
    seconds = time.perf_counter() - start
    assert 2 * B * T / seconds <= speed <= 2 * B * T / 0.1


@pytest.mark.parametrize("make", [lambda p: scratch_model(p), lambda p: concise_model()])
def test_weights_of_zero_give_the_perplexity_of_chance(make):
    model = make(ref.random_params(V, H, scale=0))
    model(np.zeros((1, 1), dtype="int32"), model.begin_state(1, cpu()))
    for param in model.parameters():
        param[:] = 0
    ppl, _, _ = d2l.train_epoch(model, minibatches(1), 0.1, cpu())
    assert ppl == pytest.approx(V, rel=1e-5)


@pytest.mark.parametrize("clip", [None, 0.2])
def test_the_gradient_norm_of_an_epoch_is_its_largest_before_clipping(clip):
    batches = Independent(minibatches(1) + minibatches(1, batch_size=1, seed=2) + minibatches(1))
    p, norms = ref.random_params(V, H), []
    for X, Y in batches:
        inputs, labels = numpy_of(X, Y)
        grads = ref.gradients(inputs, numpy.zeros((X.shape[0], H)), p, "before", labels)
        norms.append(ref.joint_norm(grads.values()))
    assert max(norms) == norms[1] > norms[0] + 0.1  # neither the first nor the last
    _, _, largest = d2l.train_epoch(scratch_model(p), batches, 1e-9, cpu(), clip)
    assert largest == pytest.approx(max(norms), rel=1e-5)


def test_the_state_is_carried_where_minibatches_go_on():
    spy = Spy(scratch_model(ref.random_params(V, H)))
    d2l.train_epoch(spy, minibatches(3), 0.1, cpu())
    assert not spy.states_in[0].any()
    for before, after in zip(spy.states_out[:-1], spy.states_in[1:], strict=True):
        assert abs(before).max() > 0.1
        numpy.testing.assert_array_equal(before, after)


@pytest.mark.parametrize("use_random_iter", [False, True])
def test_a_loader_says_whether_the_state_is_carried(use_random_iter):
    spy = Spy(scratch_model(ref.random_params(V, H)))
    ids = numpy.random.default_rng(0).integers(0, V, 100)
    for _ in range(2):  # and no epoch goes on where another ended
        d2l.train_epoch(spy, d2l.SeqDataLoader(ids, B, T, use_random_iter), 0.1, cpu())
    zero = [not H0.any() for H0 in spy.states_in]
    assert len(zero) == 10
    assert zero == ([True] * 10 if use_random_iter else ([True] + [False] * 4) * 2)


def test_no_gradient_flows_from_the_minibatch_before():
    p = ref.random_params(V, H)
    model, ((X1, Y1), (X2, Y2)) = scratch_model(p), minibatches(2)
    d2l.train_epoch(model, [(X1, Y1), (X2, Y2)], 1e-9, cpu(), clip=None)

    (first, _), (second, Y) = numpy_of(X1, Y1), numpy_of(X2, Y2)
    _, H1, _ = ref.forward(first, numpy.zeros((B, H)), p, "before")
    cut = ref.gradients(second, H1, p, "before", Y)
    whole = ref.gradients(
        numpy.concatenate([first, second]), numpy.zeros((B, H)), p, "before",
        numpy.concatenate([Y1.asnumpy(), Y], axis=1), first_step=T,
    )  # fmt: skip
    assert abs(whole["W_hh"] - cut["W_hh"]).max() > 1e-3
    for name, param in zip(ref.NAMES, model.params, strict=True):
        numpy.testing.assert_allclose(param.grad.asnumpy(), cut[name], atol=1e-5, err_msg=name)


class Delayed:
    """A model whose `w` reaches the loss only by way of the state of the minibatch before.

    MXNet cuts the graph behind a loss when it goes back through it.  What the loss did not reach
    stays, and so tells a detached state from one that is not.
    """

    def __init__(self):
        self.w, self.b = np.arange(V), np.zeros(V)
        for param in self.parameters():
            param.attach_grad()

    def parameters(self):
        return [self.w, self.b]

    def begin_state(self, batch_size, device):
        return (np.zeros((batch_size, V)),)

    def __call__(self, X, state):
        (logits,) = state
        return np.tile(logits, (X.shape[1], 1)) + self.b, (logits + 2 * self.w,)


def test_no_gradient_flows_through_a_graph_that_was_never_cut():
    model = Delayed()
    d2l.train_epoch(model, minibatches(3), 0.1, cpu())
    assert model.b.grad.any() and model.b.any()
    assert not model.w.grad.any() and (model.w == np.arange(V)).all()


# Whole runs.


def test_a_history_has_an_entry_for_each_epoch():
    model, seen = concise_model(), []

    def on_epoch(epoch, history):
        seen.append((epoch, len(history.perplexity), len(history.tokens_per_second), history))

    history = d2l.train(model, minibatches(2), 0.5, 3, cpu(), on_epoch=on_epoch)
    assert len(history.perplexity) == len(history.tokens_per_second) == 3
    assert len(history.gradient_norm) == 3 and min(history.gradient_norm) > 0
    assert all(1 <= ppl < 2 * V for ppl in history.perplexity)
    assert all(speed > 0 for speed in history.tokens_per_second)
    assert seen == [(n, n, n, history) for n in (1, 2, 3)]
    assert history.perplexity[2] < history.perplexity[0]


def test_two_histories_share_nothing():
    assert d2l.History().perplexity is not d2l.History().perplexity


def test_train_passes_lr_and_clip_on():
    p, (batch,) = ref.random_params(V, H), minibatches(1)
    moved = []
    for lr, clip in [(0.5, 1e-3), (0.25, 1e-3), (0.25, None)]:
        model = scratch_model(p)
        d2l.train(model, [batch], lr, 1, cpu(), clip=clip)
        pairs = zip(ref.NAMES, model.params, strict=True)
        moved.append(ref.joint_norm(param.asnumpy() - p[name] for name, param in pairs))
    assert moved[0] == pytest.approx(5e-4, rel=0.01) and moved[1] == pytest.approx(2.5e-4, rel=0.01)
    assert moved[2] > 0.01


TEXT = (
    "nobody in the valley had seen a clock go backwards until the winter when my aunt mended one "
    "with a spoon a bent pin and half a jar of quince jam after which it struck thirteen every "
    "evening just before the lamps were lit and never told us"
)


def of(text, batch_size, num_steps):
    vocab = d2l.Vocab(list(text))
    return d2l.SeqDataLoader(vocab[list(text)], batch_size, num_steps), vocab


@pytest.mark.slow
def test_a_small_model_memorises_240_characters():
    text = TEXT[:240].ljust(240)
    train_iter, vocab = of(text, 1, 20)
    model = d2l.RNNModel(rnn.GRU(64), len(vocab))
    history = d2l.train(model, train_iter, 2, 110, cpu())
    assert history.perplexity[-1] < 1.2
    assert d2l.predict(text[:18], len(text) - 18, model, vocab, cpu()) == text


@pytest.mark.slow
def test_the_scratch_model_memorises_a_refrain():
    text = "the time machine is here " * 20
    train_iter, vocab = of(text, 4, 12)
    model = d2l.RNNModelScratch(len(vocab), 32, cpu(), d2l.get_params, d2l.init_gru_state, d2l.gru)
    history = d2l.train(model, train_iter, 2, 18, cpu())
    assert history.perplexity[-1] < 1.2
    assert d2l.predict(text[:30], 100, model, vocab, cpu()) == text[:130]


@pytest.mark.parametrize("use_random_iter", [False, True])
def test_a_seed_reproduces_a_run(use_random_iter):
    def run(seed):
        d2l.set_seed(seed)
        train_iter, vocab = of(TEXT, 2, 10)
        train_iter.use_random_iter = use_random_iter
        model = d2l.RNNModel(rnn.GRU(8), len(vocab))
        history = d2l.train(model, train_iter, 1, 3, cpu())
        return history.perplexity, d2l.predict("no", 20, model, vocab, cpu(), temperature=1)

    assert run(5) == run(5) and run(5)[0] != run(6)[0] and run(5)[1] != run(6)[1]


def test_train_ch8_prints_what_the_notebook_of_2019_printed(capsys):
    train_iter, vocab = of("time traveller and so on " * 8, 2, 10)
    model = d2l.RNNModel(rnn.GRU(8), len(vocab))
    history = d2l.train_ch8(model, train_iter, vocab, 1, 2, cpu())
    assert len(history.perplexity) == 2
    first, *completions = capsys.readouterr().out.splitlines()
    ppl, speed = re.fullmatch(r"Perplexity (\d+\.\d), (\d+) tokens/sec on cpu\(0\)", first).groups()
    assert ppl == f"{history.perplexity[-1]:.1f}"
    assert int(speed) == round(history.tokens_per_second[-1])
    assert completions == [
        d2l.predict(prefix, 50, model, vocab, cpu()) for prefix in ("time traveller", "traveller")
    ]


def test_a_model_may_yield_its_parameters():
    class Yielding(d2l.RNNModelScratch):
        def parameters(self):
            yield from self.params

    model = Yielding(5, 4, cpu(), d2l.get_params, d2l.init_gru_state, d2l.gru)
    before = model.params[-1].asnumpy()
    history = d2l.train(model, d2l.SeqDataLoader([1, 2, 3, 4] * 9, 2, 3), 1, 1, cpu())
    assert history.gradient_norm[0] > 0 and (model.params[-1].asnumpy() != before).all()
