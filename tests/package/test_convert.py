"""Twins in the other framework compute the same, and stand only for models that they can stand for.

So do the readers in NumPy behind `predict`: they read a model in which nothing was replaced.
"""

import contextlib
import functools
import re

import frameworks
import mxnet
import numpy
import pytest
from mxnet import cpu, gluon

import d2l_gru
import d2l_gru.torch as on_torch
from d2l_gru.mxnet.concise import FastGRU

pytestmark = pytest.mark.usefixtures("torch", "seeded")
VOCAB = d2l_gru.Vocab(list("abcdef"))
V, H = len(VOCAB), 6
MX, PT = (functools.partial(frameworks.of, name) for name in ("mxnet", "torch"))


def scratch(framework, cls=None, **replaced):
    d2l = framework.d2l
    functions = {"init_state": d2l.init_gru_state, "forward_fn": d2l.gru} | replaced
    make = cls or d2l.RNNModelScratch
    return framework.large(make(V, H, framework.cpu, d2l.get_params, **functions), 2)


def concise(framework, cls=None, layer=None, **options):
    make = cls or framework.d2l.RNNModel
    model = make(layer or framework.layer("GRU", V, H, **options), V)
    model.prepare(framework.cpu)
    return framework.large(model, 2)


def is_mxnet(model):
    return isinstance(model, (d2l_gru.RNNModel, d2l_gru.RNNModelScratch))


def greedy(model, prefix="bad", num_preds=12):
    """Complete a text by calling the model, as its own code does."""
    framework = MX() if is_mxnet(model) else PT()
    within = contextlib.nullcontext if is_mxnet(model) else PT().torch.no_grad
    with within():
        state, ids = model.begin_state(1, framework.cpu), VOCAB[list(prefix)]
        new = ids
        for _ in range(num_preds):
            Y_hat, state = model(framework.ids([new]), state)
            new = [int(Y_hat[-1].argmax())]
            ids = ids + new
    return "".join(VOCAB.to_tokens(ids))


def predict(model, num_preds=12, temperature=0):
    framework = MX() if is_mxnet(model) else PT()
    return framework.d2l.predict("bad", num_preds, model, VOCAB, framework.cpu, temperature)


def to_twin(model):
    return PT().d2l.to_torch(model) if is_mxnet(model) else PT().d2l.to_mxnet(model)


def drawn(kind, *size, scale=0.7, **layer):
    return MX().large(MX().drawn(kind, *(size or (V, H)), **layer), scale)


MODELS = {
    "scratch": lambda: drawn("scratch"),
    "concise": lambda: drawn("concise"),
    "two layers": lambda: drawn("concise", num_layers=2),
    "a fast layer": lambda: MX().large(concise(MX(), layer=FastGRU(H, input_size=V)), 0.35),
    "the book's size, scratch": lambda: drawn("scratch", 28, 256, scale=0.1),
    "the book's size, concise": lambda: drawn("concise", 28, 256, scale=0.1),
}


@pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)
def test_twins_have_the_same_logits_state_and_gradients_and_give_the_weights_back(make):
    model, found = make(), []
    twin = to_twin(model)
    X, Y = numpy.random.default_rng(1).integers(0, model.vocab_size, (2, 3, 6))
    for framework, each in ((MX(), model), (PT(), twin)):
        state = each.begin_state(3, framework.cpu)
        Y_hat, last = framework.loss(lambda m=each, f=framework, s=state: m(f.ids(X), s), Y)
        found.append([Y_hat, last, *framework.grads(each)])
    for i, (a, b) in enumerate(zip(*found, strict=True)):
        numpy.testing.assert_allclose(a, b, rtol=0, atol=1e-5 if i < 2 else 1e-4)
    assert abs(found[0][0]).max() > 0.3  # the gates have something to do
    assert max(abs(grad).max() for grad in found[0][2:]) > 1e-2
    for device in (None, cpu(0), cpu(1)):
        back = on_torch.to_mxnet(twin, device)
        assert type(back) is type(model)
        for a, b in zip(back.parameters(), model.parameters(), strict=True):
            assert a.ctx == a.grad.ctx == (device or cpu())
            numpy.testing.assert_array_equal(a.asnumpy(), b.asnumpy())


def test_twins_write_the_same_text():
    on_mxnet, texts = drawn("concise"), []
    for temperature in (0, 0.7):
        for model in (on_mxnet, to_twin(on_mxnet)):
            d2l_gru.set_seed(2)
            texts.append(predict(model, 30, temperature))
    assert texts[0] == texts[1] and texts[2] == texts[3] and len(set(texts[2])) > 3


def test_twins_share_dropout_and_what_is_frozen():
    model = drawn("concise", num_layers=2, dropout=0.25)
    model.rnn.l1_h2h_weight.grad_req = "null"
    twin = on_torch.to_torch(model)
    frozen = [name for name, param in twin.named_parameters() if not param.requires_grad]
    assert (twin.rnn.dropout, frozen) == (0.25, ["rnn.weight_hh_l1"])
    back = on_torch.to_mxnet(twin)
    (frozen,) = [name for name, p in back.collect_params().items() if p.grad_req == "null"]
    assert back.rnn._dropout == 0.25 and frozen.endswith("l1_h2h_weight")
    twin = on_torch.to_torch(drawn("scratch"))
    twin.params[1].requires_grad_(False)
    back = on_torch.to_mxnet(twin)
    before = back.params[1].asnumpy()
    d2l_gru.train(back, d2l_gru.SeqDataLoader([1, 2, 3] * 9, 2, 3), 1, 1, cpu())
    assert (back.params[1].asnumpy() == before).all()


def test_twins_have_the_same_loop(framework):
    for loop in ("gru", "fast_gru"):
        model = framework.drawn("scratch", V, H)
        model.forward_fn = getattr(framework.d2l, loop)
        other = on_torch if is_mxnet(model) else d2l_gru
        assert to_twin(model).forward_fn is getattr(other, loop)


# Each returns a changed model.  All of them write another text than the unchanged one.


def half(function):
    """Return a function like it, of whose first result the sign is changed."""

    def changed(*args, **kwargs):
        Y_hat, state = function(*args, **kwargs)
        return -Y_hat, state

    return changed


def negate_first(module, args, out):
    return -out[0], out[1]


def with_(model, **attributes):
    for name, value in attributes.items():
        setattr(model, name, value)
    return model


def with_hook(model, part, kind="forward_hook", hook=negate_first):
    part = model if part is None else getattr(model, part)
    getattr(part, f"register_{kind}")(hook)
    return model


def fives(f):
    """Return an init_state that is not of zeros."""
    return lambda *args: tuple(5 + 0 * H for H in f.d2l.init_gru_state(*args))


def negated(cls, method):
    """Return a subclass whose logits have the other sign."""
    return type("Negated", (cls,), {method: half(getattr(cls, method))})


def weight_norm(model):
    PT().torch.nn.utils.parametrizations.weight_norm(model.dense, "weight")
    model.dense.parametrizations.weight.original0.data.neg_()
    return model


class Negated(gluon.nn.Dense):
    def hybrid_forward(self, *args, **kwargs):
        return -super().hybrid_forward(*args, **kwargs)


BOTH = {
    "scratch: its first state": lambda f: scratch(f, init_state=fives(f)),
    "scratch: its function": lambda f: scratch(f, forward_fn=half(f.d2l.gru)),
    "scratch: a subclass": lambda f: scratch(f, negated(f.d2l.RNNModelScratch, "__call__")),
    "scratch: begin_state of the instance": lambda f: with_(
        scratch(f), begin_state=lambda n, device: fives(f)(n, H, f.cpu)
    ),
    "concise: a subclass": lambda f: concise(f, negated(f.d2l.RNNModel, "forward")),
    "concise: forward of the instance": lambda f: with_(
        m := concise(f), forward=half(m.forward)
    ),
    "concise: begin_state of the instance": lambda f: with_(
        m := concise(f),
        begin_state=lambda n, device: [5 + h for h in type(m).begin_state(m, n, device)],
    ),
}  # fmt: skip
TORCH = {
    "another dense": lambda f: with_(
        m := concise(f), dense=f.torch.nn.Sequential(m.dense, f.torch.nn.Softmin(-1))
    ),
    "a hook": lambda f: with_hook(concise(f), None),
    "a hook of rnn": lambda f: with_hook(concise(f), "rnn"),
    "a hook before dense": lambda f: with_hook(
        concise(f), "dense", "forward_pre_hook", lambda m, args: (-args[0],)
    ),
    "weight_norm": lambda f: weight_norm(concise(f)),
}
MXNET = {
    "another dense": lambda f: with_(m := concise(f), dense=Negated(V, params=m.dense.params)),
    "dense with an activation": lambda f: with_(
        m := concise(f), dense=with_(m.dense, act=gluon.nn.HybridLambda(lambda F, x: -x))
    ),
}
CASES = [("torch", *case) for case in (BOTH | TORCH).items()]
CASES += [("mxnet", *case) for case in (BOTH | MXNET).items()]


@pytest.mark.parametrize(
    ("name", "make"), [pytest.param(name, make, id=f"{name}, {what}") for name, what, make in CASES]
)
def test_what_was_replaced_is_completed_with_and_has_no_twin(name, make):
    framework = frameworks.of(name)
    model = make(framework)
    unchanged = (scratch if hasattr(model, "init_state") else concise)(framework)
    assert predict(model) == greedy(model) != greedy(unchanged)
    with pytest.raises(ValueError, match="the model has no twin: "):
        to_twin(model)


def changed_inside(f):
    """Yield models that still are of the package's classes throughout, and what is said of them."""
    is_torch = f.name == "torch"
    model = scratch(f)
    model.params[1] = model.params[1][:, :2]
    yield model, "its params do not have the shapes that get_params returns"
    model = scratch(f)
    model.params[10] = f.array(numpy.zeros(V), "float64")
    yield model, "its params must be float32 on cpu"
    model = concise(f)
    with_(model.rnn, **({"batch_first": True} if is_torch else {"_layout": "NTC"}))
    yield model, "its rnn is not one that RNNModel accepts"
    dense = lambda i, o, bias: gluon.nn.Dense(o, use_bias=bias, in_units=i)  # noqa: E731
    linear = f.torch.nn.Linear if is_torch else dense
    yield with_(concise(f), dense=linear(H, V, False)), "its dense must have biases"
    more = linear(1, 1, True)
    yield with_(concise(f), more=more), "its parameters are not those of its rnn"
    where = f"d2l_gru.{f.name}.scratch"
    said = f"its forward_fn must be {where}.gru or fast_gru, not <built-in function max>"
    yield with_(scratch(f), forward_fn=max), said
    other = f.drawn("concise", V, H, layer="LSTM")
    layer = "a gluon.rnn.GRU, not LSTM(7 -> 6, TNC)"
    yield (
        other,
        f"its layer must be {'an nn.GRU with biases, not LSTM(7, 6)' if is_torch else layer}",
    )
    if is_torch:
        said = "its layer must be an nn.GRU with biases, not GRU(7, 6, bias=False)"
        yield f.drawn("concise", V, H, bias=False), said


def test_each_change_is_named(framework):
    for model, said in changed_inside(framework):
        with pytest.raises(ValueError, match=f"^the model has no twin: {re.escape(said)}"):
            to_twin(model)
    for to, of in ((on_torch.to_torch, "d2l_gru"), (on_torch.to_mxnet, "d2l_gru.torch")):
        with pytest.raises(TypeError, match=f"^model must be one of {of}, not 5$"):
            to(5)


@pytest.mark.parametrize("make", [scratch, concise])
def test_a_class_that_was_patched_is_called(framework, make, monkeypatch):
    model = make(framework)
    before, method = predict(model), "__call__" if make is scratch else "forward"
    monkeypatch.setattr(type(model), method, half(getattr(type(model), method)))
    assert predict(model) == greedy(model) != before


def test_hooks_run_at_each_character_of_which_a_model_gets_the_id_as_a_whole_number(torch):
    seen, types = [], []
    for model in (concise(MX()), concise(PT())):
        model.register_forward_hook(lambda module, args, out: seen.append(len(args[0][0])))
        model.register_forward_hook(lambda module, args, out: types.append(args[0].dtype))
        model.register_forward_pre_hook(lambda module, args: seen.append(0))
        predict(model, 3)
    handle = torch.nn.modules.module.register_module_forward_pre_hook(lambda *_: seen.append(9))
    with contextlib.closing(contextlib.ExitStack()) as stack:
        stack.callback(handle.remove)
        predict(concise(PT()), 1)
    assert seen == 2 * [0, 3, 0, 1, 0, 1] + [9, 9, 9]
    assert types == 3 * [numpy.int32] + 3 * [torch.int64]


@pytest.mark.parametrize("dtype", ["float64", "bfloat16"])
def test_precision_is_the_models_own(torch, dtype):
    model = concise(PT()).to(getattr(torch, dtype))
    assert model.begin_state(2)[0].dtype == getattr(torch, dtype)
    assert predict(model) == greedy(model)
    with pytest.raises(ValueError, match=f"must be float32, not torch.{dtype}"):
        to_twin(model)
    model, sums = concise(PT()), []
    with torch.autocast("cpu", torch.bfloat16):
        model.dense.register_forward_hook(lambda m, args, out: sums.append(out.dtype))
        predict(model, 1)
    assert sums == [torch.bfloat16]
    if dtype == "float64":
        model = concise(MX())
        model.cast(dtype)
        assert predict(model) == greedy(model)
        with pytest.raises(ValueError, match="must be float32, not float64"):
            to_twin(model)


def test_dropout_is_off_while_a_text_is_completed_and_then_as_before(torch):
    model = concise(PT(), num_layers=2, dropout=0.9)
    model.dense.eval()
    modes = [part.training for part in model.modules()]
    model.register_forward_hook(lambda *_: None)  # so that the model itself is called
    assert len({predict(model) for _ in range(3)}) == 1
    assert [part.training for part in model.modules()] == modes == [True, True, False]
    with pytest.raises(ZeroDivisionError):
        predict(with_(model, forward=lambda *_: 1 / 0))
    assert [part.training for part in model.modules()] == modes
    model = with_hook(concise(MX(), num_layers=2, dropout=0.9), None, hook=lambda *_: None)
    with mxnet.autograd.record():
        assert len({predict(model) for _ in range(3)}) == 1


# What only PyTorch's concise model has.


def test_a_layer_is_drawn_anew_unless_told_otherwise(torch):
    layer = torch.nn.GRU(V, H)
    before = layer.weight_hh_l0.detach().clone()
    assert torch.equal(on_torch.RNNModel(layer, V, sigma=None).rnn.weight_hh_l0, before)
    assert not torch.equal(on_torch.RNNModel(layer, V).rnn.weight_hh_l0, before)


def test_a_new_model_moves_to_the_device_once(torch, monkeypatch):
    model, moved = on_torch.RNNModel(torch.nn.GRU(V, H, 2), V), []
    monkeypatch.setattr(model, "to", moved.append)
    for device in ("cuda:0", "cpu", "cuda:0"):  # of which `to` says only that it was called
        with contextlib.suppress(ValueError):
            model.prepare(device)
    assert moved == [torch.device("cuda:0"), torch.device("cpu")]
    with pytest.raises(ValueError, match="the model is on cpu, but cuda:0 was requested"):
        model.prepare("cuda:0")
