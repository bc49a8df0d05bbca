"""Training in both frameworks: one step against float64 NumPy, then whole runs."""

import math
import sys
import types

import frameworks
import numpy
import pytest
import reference_gru as ref
import strategies  # noqa: F401
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

pytestmark = pytest.mark.usefixtures("seeded")

V, H, B, T = 5, 4, 3, 6
IDS = numpy.random.default_rng(0).integers(1, 3, 1000).cumsum() % V
TRAIN = [("mxnet", "train"), ("torch", "train"), ("torch", "train_captured")]
each_kind = pytest.mark.parametrize("kind", ["scratch", "concise"])
each_order = pytest.mark.parametrize("use_random_iter", [False, True])


@pytest.fixture(params=TRAIN, ids="-".join)
def trainer(request):
    """A framework, and one of its functions that train."""
    name, train = request.param
    framework = frameworks.of(name)
    function = getattr(framework.d2l, train)
    return framework, lambda model, *args, **more: function(model, *args, framework.cpu, **more)


@pytest.fixture
def on_torch():
    return frameworks.of("torch")


def loader(framework, num_minibatches, use_random_iter=False):
    ids = IDS[: B * T * num_minibatches + T]  # as many, wherever they start
    return framework.d2l.SeqDataLoader(ids, B, T, use_random_iter)


def minibatches(framework, n, batch_size=B, seed=1):
    shape = 2, batch_size, T
    rng = numpy.random.default_rng(seed)
    return [tuple(map(framework.ids, rng.integers(0, V, shape))) for _ in range(n)]


def numpy_of(framework, X, Y):
    return ref.one_hot(framework.numpy(X), V), framework.numpy(Y)


class Independent(list):
    """Minibatches that are no continuation of each other."""

    use_random_iter = True


# Clipping and descent.

GRADS = [numpy.array([[3.0, -4.0]]), numpy.array([12.0]), numpy.zeros(2)]  # of joint norm 13


def with_gradients(framework, grads):
    return [framework.leaf(numpy.ones(numpy.shape(grad)), grad) for grad in grads]


finite = st.floats(-1e6, 1e6, width=32, allow_subnormal=False)
shapes = arrays_of.array_shapes(max_dims=3, max_side=4)
gradients = st.lists(arrays_of.arrays("float32", shapes, elements=finite), min_size=1, max_size=4)


@given(gradients, st.floats(1e-3, 1e4))
@example(GRADS, 12.9)
@example(GRADS, 13)
@example(GRADS, sys.float_info.max)
def test_clipping_shortens_to_theta_and_keeps_the_direction(framework, grads, theta):
    params = with_gradients(framework, grads)
    norm = float(framework.d2l.grad_clipping(params, theta))
    before = numpy.concatenate([grad.ravel() for grad in grads]).astype("float64")
    after = numpy.concatenate([framework.grad(param).ravel() for param in params])
    true_norm = math.sqrt((before**2).sum())
    assert norm == pytest.approx(true_norm, rel=1e-5, abs=1e-12)
    assert numpy.linalg.norm(after.astype("float64")) <= theta * (1 + 1e-5)
    if norm <= theta:
        numpy.testing.assert_array_equal(after, before)
    else:
        numpy.testing.assert_allclose(after, before * (theta / true_norm), rtol=1e-5, atol=1e-30)
    assert all((framework.numpy(param) == 1).all() for param in params)


@pytest.mark.parametrize("size", [1e19, 3e30, 1e-25, 0])
def test_a_norm_neither_overflows_nor_vanishes(framework, size):
    params = with_gradients(framework, [size * grad for grad in GRADS])
    assert float(framework.d2l.gradient_norm(params)) == pytest.approx(13 * size, rel=1e-6)
    framework.d2l.grad_clipping(params, 6.5 * size or 1)
    for before, param in zip(GRADS, params, strict=True):
        numpy.testing.assert_allclose(framework.grad(param), before * size / 2, rtol=1e-6)


def test_sgd_subtracts_and_as_in_2021_divides_and_in_pytorch_then_forgets_gradients(framework):
    (param,) = with_gradients(framework, [[4, -8]])
    framework.d2l.sgd([param], 0.25)
    assert framework.numpy(param).tolist() == [0, 3] and framework.grad(param).tolist() == [4, -8]
    framework.d2l.sgd([param], 0.5, 2)
    assert framework.numpy(param).tolist() == [-1, 5]
    kept = [4, -8] if framework.name == "mxnet" else [0, 0]
    assert framework.grad(param).tolist() == kept


@pytest.mark.parametrize("value", [math.inf, math.nan])
def test_a_gradient_that_is_no_number_is_seen(trainer, value):
    framework, train = trainer
    params = with_gradients(framework, [[value, 1], [1]])
    assert not math.isfinite(framework.d2l.grad_clipping(params, 1))
    assert numpy.isnan(framework.grad(params[0])[0])
    p = ref.random_params(V, H)
    p["b_q"][0] = value  # a run that diverged
    history = train(framework.scratch(p), loader(framework, 2), 1, 2)
    assert math.isnan(history.perplexity[-1]) and math.isnan(history.gradient_norm[-1])


FORMS = {
    "a list": lambda model: list(model.parameters()),
    "a generator": lambda model: (param for param in model.parameters()),
    "a mapping": lambda model: dict(enumerate(model.parameters())),
    "its values": lambda model: dict(enumerate(model.parameters())).values(),
    "a model": lambda model: model,
    "what the framework returns": lambda model: model.parameters(),
    "Gluon's parameters": lambda model: model.collect_params(),
    "their values": lambda model: model.collect_params().values(),
}


@pytest.mark.parametrize("given", FORMS.values(), ids=FORMS)
def test_parameters_are_given_in_any_form(framework, given):
    model = framework.drawn("concise", V, H)
    *trained, frozen = model.parameters()
    if framework.name == "mxnet":
        model.dense.bias.grad_req = "null"
    elif "collect_params" in given.__code__.co_names:
        pytest.skip("is MXNet's alone")
    else:
        framework.freeze(frozen)
        model.unused = framework.torch.nn.Parameter(framework.torch.ones(1))
    before = [framework.numpy(param) for param in [*trained, frozen]]
    for param, value in zip(trained, before, strict=False):
        framework.set_grad(param, numpy.ones_like(value))
    norm = pytest.approx(math.sqrt(sum(value.size for value in before[:-1])))
    assert float(framework.d2l.gradient_norm(given(model))) == norm
    assert float(framework.d2l.grad_clipping(given(model), 0.5)) == norm
    framework.d2l.sgd(given(model), 2)
    after = [framework.numpy(param) for param in [*trained, frozen]]
    moved = [old - new for old, new in zip(before, after, strict=True)]
    assert ref.joint_norm(moved) == pytest.approx(1, rel=1e-4) and not moved[-1].any()


def test_one_array_is_not_its_rows(framework):
    (param,) = with_gradients(framework, [[[3.0, 4.0], [0.0, 0.0]]])
    d2l = framework.d2l
    assert float(d2l.gradient_norm(param)) == float(d2l.grad_clipping(param, 2.5)) == 5
    d2l.sgd(param, 1)
    assert framework.numpy(param).tolist() == [[-0.5, -1], [1, 1]]


# One epoch.


@pytest.mark.parametrize("clip", [None, 0.05, "the default"])
def test_one_step_moves_the_parameters_as_the_reference_says(trainer, clip):
    framework, train = trainer
    p = ref.random_params(V, H, scale=3)
    batches = framework.d2l.SeqDataLoader(IDS[: B * T + 1], B, T)
    model, ((X, Y),) = framework.scratch(p), batches
    inputs, labels = numpy_of(framework, X, Y)
    H0 = numpy.zeros((B, H))
    grads = ref.gradients(inputs, H0, p, "before", labels)
    norm = ref.joint_norm(grads.values())
    assert norm > 1.03
    theta = {None: norm, "the default": 1}.get(clip, clip)
    history = train(model, batches, 0.5, 1, **({} if theta == 1 else {"clip": clip}))
    assert history.gradient_norm == [pytest.approx(norm, rel=1e-5)]
    loss = ref.mean_loss(ref.forward(inputs, H0, p, "before")[0], labels)
    assert history.perplexity == [pytest.approx(math.exp(loss), rel=1e-5)]
    for name, value in zip(ref.NAMES, framework.values(model), strict=True):
        expected = p[name] - 0.5 * theta / norm * grads[name]
        numpy.testing.assert_allclose(value, expected, atol=1e-5, err_msg=name)


@pytest.mark.parametrize("clip", [None, 0.2, "the default"])
def test_an_epoch_has_the_mean_loss_and_the_largest_norm_before_clipping(framework, clip):
    batches = Independent(minibatches(framework, 1))
    batches += minibatches(framework, 1, batch_size=1, seed=2) + minibatches(framework, 1, seed=3)
    p, norms, losses = ref.random_params(V, H), [], []
    for X, Y in batches:
        inputs, labels = numpy_of(framework, X, Y)
        H0 = numpy.zeros((len(labels), H))
        grads = ref.gradients(inputs, H0, p, "before", labels)
        norms.append(ref.joint_norm(grads.values()))
        losses.append(ref.mean_loss(ref.forward(inputs, H0, p, "before")[0], labels))
    assert max(norms) == norms[1] > norms[0] + 0.1  # neither the first nor the last
    assert numpy.ptp(losses) > 0.1  # else a mean of the wrong kind would pass
    model, more = framework.scratch(p), () if clip == "the default" else (clip,)
    ppl, _, largest = framework.d2l.train_epoch(model, batches, 1e-9, framework.cpu, *more)
    assert ppl == pytest.approx(math.exp(numpy.average(losses, weights=[B, 1, B])), rel=1e-5)
    assert largest == pytest.approx(max(norms), rel=1e-5)


def test_the_speed_of_an_epoch_is_its_tokens_over_its_seconds(trainer, monkeypatch):
    framework, train = trainer
    now = [1.0]
    monkeypatch.setattr("time.perf_counter", lambda: now[0])

    class Slow(framework.d2l.SeqDataLoader):
        def __iter__(self):
            now[0] += 4  # seconds
            return super().__iter__()

    history = train(framework.drawn("scratch", V, H), Slow(IDS[: 2 * B * T + T], B, T), 1, 2)
    assert history.tokens_per_second == [2 * B * T / 4] * 2


def test_no_gradient_flows_from_the_minibatch_before(framework):
    p, batches = ref.random_params(V, H), minibatches(framework, 2)
    model = framework.scratch(p)
    framework.d2l.train_epoch(model, batches, 1e-9, framework.cpu, clip=None)
    (first, Y1), (second, Y2) = (numpy_of(framework, *batch) for batch in batches)
    zeros = numpy.zeros((B, H))
    _, H1, _ = ref.forward(first, zeros, p, "before")
    cut = ref.gradients(second, H1, p, "before", Y2)
    both, labels = numpy.concatenate([first, second]), numpy.concatenate([Y1, Y2], axis=1)
    whole = ref.gradients(both, zeros, p, "before", labels, first_step=T)
    assert abs(whole["W_hh"] - cut["W_hh"]).max() > 1e-3
    for name, grad in zip(ref.NAMES, framework.grads(model), strict=True):
        numpy.testing.assert_allclose(grad, cut[name], atol=1e-5, err_msg=name)


def test_no_gradient_flows_through_a_graph_that_was_never_cut():
    """MXNet cuts the graph behind a loss when it goes back through it.

    What the loss did not reach stays, and so tells a detached state from one that is not: here `w`
    reaches the loss only by way of the state of the minibatch before.
    """
    mxnet = frameworks.of("mxnet")
    np = mxnet.mxnet.np
    w, b = mxnet.leaf(range(V)), mxnet.leaf([0] * V)

    class Delayed:
        def parameters(self):
            return [w, b]

        def begin_state(self, batch_size, device):
            return (np.zeros((batch_size, V)),)

        def __call__(self, X, state):
            return np.tile(state[0], (X.shape[1], 1)) + b, (state[0] + 2 * w,)

    mxnet.d2l.train_epoch(Delayed(), minibatches(mxnet, 3), 0.1, mxnet.cpu)
    assert b.grad.any() and b.any() and not w.grad.any() and w.tolist() == [*range(V)]


@each_kind
def test_ids_may_be_of_any_whole_type(framework, kind):
    model, (batch,) = framework.drawn(kind, V, H), minibatches(framework, 1)
    found = []
    for dtype in framework.id_types:
        ids = tuple(framework.array(framework.numpy(each), dtype) for each in batch)
        ppl, _, norm = framework.d2l.train_epoch(model, [ids], 1e-9, framework.cpu)
        found.append((ppl, norm))
    assert found[1:] == [pytest.approx(found[0])] * 2


@each_kind
@pytest.mark.parametrize("clip", [1.0, None])
def test_frozen_parameters_stay_and_the_others_are_trained(trainer, kind, clip):
    framework, train = trainer
    model = framework.drawn(kind, V, H)
    params = list(model.parameters())
    unused = []
    if framework.name == "torch":
        params[0].grad = framework.torch.ones_like(params[0])  # of earlier training
        unused = [framework.torch.nn.Parameter(framework.torch.ones(3))]
    for param in params[:-2]:
        framework.freeze(param)
    model.parameters = lambda: iter([*unused, *params])
    before = framework.values(model)
    history = train(model, loader(framework, 2), 0.5, 1, clip=clip)
    assert history.gradient_norm[0] > 0
    same = [(a == b).all() for a, b in zip(before, framework.values(model), strict=True)]
    assert same == [True] * (len(before) - 2) + [False] * 2
    for param in [*unused, *params]:
        framework.freeze(param)
    with pytest.raises(ValueError, match=r"no (array|tensor) to train"):
        train(model, loader(framework, 2), 0.5, 1)


def test_nothing_but_an_epochs_sums_is_read_from_a_gpu(monkeypatch):
    """Here another device of the CPU stands for it, since MXNet has the same code for both."""
    from mxnet import cpu, np, npx

    from d2l_gru import _checks
    from d2l_gru.mxnet.parallel import DataParallel, train_epoch_parallel

    mxnet, gpu, reads, read = frameworks.of("mxnet"), cpu(1), [], np.ndarray.asnumpy
    where = [types.SimpleNamespace(ctx=device) for device in (cpu(), gpu, npx.gpu())]
    assert [_checks._is_on_cpu(array) for array in where] == [True, True, False]
    monkeypatch.setattr(_checks, "_is_on_cpu", lambda X: X.ctx != gpu)
    monkeypatch.setattr(
        np.ndarray, "asnumpy", lambda self: reads.append((self.ctx, self.shape)) or read(self)
    )
    scratch, concise, replica = (
        mxnet.drawn(kind, V, H, gpu) for kind in ("scratch", "concise", "concise")
    )
    train_epoch = mxnet.d2l.train_epoch
    for epoch in (
        lambda batches: train_epoch(concise, batches, 1, gpu),
        lambda batches: train_epoch(scratch, batches, 1, gpu),
        lambda batches: train_epoch_parallel(DataParallel([replica]), batches, 1),
    ):
        reads.clear()
        epoch(minibatches(mxnet, 4))
        assert [shape for ctx, shape in reads if ctx == gpu] == [(), ()]  # loss, largest norm
        with pytest.raises(ValueError, match="but X holds"):
            epoch([(X + 9, Y) for X, Y in minibatches(mxnet, 1)])


# Whole runs.


def test_a_history_has_an_entry_for_each_epoch(trainer):
    framework, train = trainer
    seen = []
    history = train(
        framework.drawn("concise", V, H), loader(framework, 2), 1, 3,
        on_epoch=lambda epoch, history: seen.append((epoch, len(history.perplexity), history)),
    )  # fmt: skip
    assert seen == [(n, n, history) for n in (1, 2, 3)]
    assert len(history.tokens_per_second) == len(history.gradient_norm) == 3
    assert len({*history.perplexity}) == 3


@each_kind
@each_order
@pytest.mark.parametrize("clip", [0.05, None])
def test_the_same_start_gives_the_same_history(kind, use_random_iter, clip):
    """Without a GPU a captured step runs its operations one by one; a graph replays the same."""
    mxnet, torch = frameworks.of("mxnet"), frameworks.of("torch")
    mxnet.d2l.set_seed(0)
    first = mxnet.drawn(kind, V, 8)
    one, two = torch.d2l.to_torch(first), torch.d2l.to_torch(first)
    histories, values = [], []
    for framework, model, train in [
        (mxnet, first, mxnet.d2l.train),
        (torch, one, torch.d2l.train),
        (torch, two, torch.d2l.train_captured),
    ]:
        framework.d2l.set_seed(1)
        how = loader(framework, 6, use_random_iter), 1, 4, framework.cpu
        histories.append(train(model, *how, clip=clip))
        values.append(framework.values(model))
    theirs, *ours = histories
    assert min(theirs.gradient_norm) > 0.05  # clipping acts
    assert theirs.perplexity[-1] < theirs.perplexity[0] - 0.001
    for history in ours:
        numpy.testing.assert_allclose(history.perplexity, theirs.perplexity, rtol=1e-5)
        numpy.testing.assert_allclose(history.gradient_norm, theirs.gradient_norm, rtol=1e-4)
    for a, *others in zip(*values, strict=True):
        for b in others:
            # A shift of all logits alike is not compared: no probability feels it.
            shift = a.mean() - b.mean() if a.shape == (V,) else 0
            numpy.testing.assert_allclose(a - shift, b, rtol=0, atol=1e-5)


@pytest.mark.gpu
@each_kind
def test_a_graph_does_what_training_does_on_a_gpu(on_torch, kind):
    if not on_torch.torch.cuda.is_available():
        pytest.skip("needs a GPU, and PyTorch finds none here")
    found = []
    for train in (on_torch.d2l.train, on_torch.d2l.train_captured):
        on_torch.d2l.set_seed(1)
        model = on_torch.drawn(kind, V, 8, "cuda")
        found.append(train(model, loader(on_torch, 6), 0.5, 4, "cuda").perplexity)
    assert found[0] == pytest.approx(found[1], rel=1e-4)


# Where it computes: PyTorch's devices.


@pytest.mark.parametrize("device", ["cpu:0", "cpu", None])
@each_kind
def test_a_device_by_another_name_or_chosen_is_the_same(on_torch, kind, device, monkeypatch):
    monkeypatch.setenv("D2L_GRU_DEVICE", "cpu")
    d2l, vocab = on_torch.d2l, on_torch.d2l.Vocab(list("abcd"))
    model = on_torch.drawn(kind, V, H, device)
    for train in (d2l.train, d2l.train_captured):
        assert train(model, loader(on_torch, 1), 0.5, 1, device).perplexity[0] > 1
    assert d2l.predict("a", 3, model, vocab, device).startswith("a")
    d2l.CapturedStep(model, B, T, 1, device or "cpu")(*next(iter(loader(on_torch, 1))))
    with pytest.raises(ValueError, match="on cpu, but meta was requested"):
        d2l.predict("a", 3, model, vocab, "meta")


def test_nothing_is_made_elsewhere_than_on_the_device_that_is_asked_for(on_torch):
    """What is made without a word about its device is on "meta" here, and has no values."""
    d2l, vocab = on_torch.d2l, on_torch.d2l.Vocab(list("abcd"))
    concise = on_torch.drawn("concise", V, H)
    with on_torch.torch.device("meta"):
        for model in (on_torch.drawn("scratch", V, H), concise):
            made = [*model.parameters(), *model.begin_state(2, "cpu")]
            for train in (d2l.train, d2l.train_captured):
                assert train(model, loader(on_torch, 1), 0.5, 1, "cpu").perplexity[0] > 1
            assert {tensor.device.type for tensor in made} == {"cpu"}
            assert d2l.predict("a", 3, model, vocab, "cpu").startswith("a")


@pytest.mark.parametrize("clip", [0.5, None])
def test_an_update_waits_for_nothing(on_torch, clip):
    """A tensor on "meta" has no values, so that whatever waits for one raises.

    The first product there loads half of PyTorch.
    """
    from d2l_gru.torch.training import train_step

    X, Y = next(iter(loader(on_torch, 1)))
    model = on_torch.drawn("scratch", V, H, "meta")
    loss, norm, state = train_step(model, X, Y, None, 0.5, "meta", clip)
    step = on_torch.d2l.CapturedStep(model, B, T, 0.5, "meta", clip)
    step(X.to("meta"), Y.to("meta"))
    made = [loss, norm, *state, *step.state, step.X, step.Y, step.total, step.largest]
    assert {tensor.device.type for tensor in [*made, *model.params]} == {"meta"}
    assert loss.shape == norm.shape == step.total.shape == step.largest.shape == ()


def test_a_gpu_is_waited_for_by_its_name(on_torch, monkeypatch):
    from d2l_gru.torch.training import wait

    waited, torch = [], on_torch.torch
    monkeypatch.setattr(torch.cuda, "synchronize", waited.append)
    for device in ("cpu", "cuda:1", torch.device("cuda", 0)):
        wait(device)
    assert waited == ["cuda:1", torch.device("cuda", 0)]
