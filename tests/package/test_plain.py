"""A shortcut stands for a model only where nothing in the model was replaced.

The shortcuts are the readers in NumPy behind `predict`, and the twins in the other framework.
"""

import contextlib
import functools

import frameworks
import mxnet
import numpy
import pytest
from mxnet import gluon

import d2l_gru

pytestmark = pytest.mark.usefixtures("torch", "seeded")
VOCAB = d2l_gru.Vocab(list("abcdef"))
V, H = len(VOCAB), 6
MX, PT = (functools.partial(frameworks.of, name) for name in ("mxnet", "torch"))
each_framework = pytest.mark.parametrize("name", ["mxnet", "torch"])


def large(framework, model):
    """Give parameters such values that the model's text is no trivial one."""
    rng = numpy.random.default_rng(8)
    for param in model.parameters():
        framework.assign(param, rng.normal(scale=2, size=tuple(param.shape)))
    return model


def scratch(framework, cls=None, **replaced):
    d2l = framework.d2l
    functions = {"init_state": d2l.init_gru_state, "forward_fn": d2l.gru} | replaced
    make = cls or d2l.RNNModelScratch
    return large(framework, make(V, H, framework.cpu, d2l.get_params, **functions))


def concise(framework, cls=None, **layer):
    make = cls or framework.d2l.RNNModel
    if framework.name == "torch":
        return large(framework, make(framework.torch.nn.GRU(V, H, **layer), V))
    model = make(gluon.rnn.GRU(H, input_size=V, **layer), V)
    model.prepare(framework.cpu)
    return large(framework, model)


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


def predict(model, num_preds=12):
    framework = MX() if is_mxnet(model) else PT()
    return framework.d2l.predict("bad", num_preds, model, VOCAB, framework.cpu)


def to_twin(model):
    return PT().d2l.to_torch(model) if is_mxnet(model) else PT().d2l.to_mxnet(model)


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


def with_hook(model, part, kind="forward_hook", hook=lambda module, args, out: -out):
    part = model if part is None else getattr(model, part)
    getattr(part, f"register_{kind}")(hook)
    return model


def fives(f):
    """Return an init_state that is not of zeros."""
    return lambda *args: tuple(5 + 0 * H for H in f.d2l.init_gru_state(*args))


def negated(cls, method):
    """Return a subclass whose logits have the other sign."""
    return type("Negated", (cls,), {method: half(getattr(cls, method))})


def pruned(model):
    from torch.nn.utils import prune

    prune.custom_from_mask(model.dense, "weight", PT().torch.zeros(V, H))
    return model


def weight_norm(model, norm):
    norm(model.dense, "weight")
    for name, param in model.dense.named_parameters():
        if name.endswith(("_g", "original0")):
            param.data.neg_()
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
    "a hook": lambda f: with_hook(concise(f), None, hook=negate_first),
    "a hook of dense": lambda f: with_hook(concise(f), "dense"),
    "a hook of rnn": lambda f: with_hook(concise(f), "rnn", hook=negate_first),
    "a hook before dense": lambda f: with_hook(
        concise(f), "dense", "forward_pre_hook", lambda m, args: (-args[0],)
    ),
    "weight_norm, old": lambda f: weight_norm(concise(f), f.torch.nn.utils.weight_norm),
    "weight_norm, new": lambda f: weight_norm(
        concise(f), f.torch.nn.utils.parametrizations.weight_norm
    ),
    "pruned": lambda f: pruned(concise(f)),
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
@pytest.mark.filterwarnings("ignore:.*weight_norm.*:FutureWarning")
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
    yield model, "its params have other shapes than those of get_params"
    model = scratch(f)
    model.params[10] = f.array(numpy.zeros(V), "float64")
    yield model, "its params must be float32 on cpu"
    model = concise(f)
    with_(model.rnn, **({"batch_first": True} if is_torch else {"_layout": "NTC"}))
    yield model, "its rnn is not as RNNModel takes it"
    dense = lambda i, o, bias: gluon.nn.Dense(o, use_bias=bias, in_units=i)  # noqa: E731
    linear = f.torch.nn.Linear if is_torch else dense
    yield with_(concise(f), dense=linear(H, V, False)), "its dense must have biases"
    more = linear(1, 1, True)
    yield with_(concise(f), more=more), "it has other parameters than those of its rnn"


@each_framework
def test_each_change_is_named(name):
    for model, said in changed_inside(frameworks.of(name)):
        with pytest.raises(ValueError, match=said):
            to_twin(model)


@each_framework
@pytest.mark.parametrize("make", [scratch, concise])
def test_a_class_that_was_patched_is_called(name, make, monkeypatch):
    model = make(frameworks.of(name))
    before, method = predict(model), "__call__" if make is scratch else "forward"
    monkeypatch.setattr(type(model), method, half(getattr(type(model), method)))
    assert predict(model) == greedy(model) != before


def test_hooks_run_at_each_character(torch):
    seen = []
    for model in (concise(MX()), concise(PT())):
        model.register_forward_hook(lambda module, args, out: seen.append(len(args[0][0])))
        model.register_forward_pre_hook(lambda module, args: seen.append(0))
        predict(model, 3)
    handle = torch.nn.modules.module.register_module_forward_pre_hook(lambda *_: seen.append(9))
    with contextlib.closing(contextlib.ExitStack()) as stack:
        stack.callback(handle.remove)
        predict(concise(PT()), 1)
    assert seen == 2 * [0, 3, 0, 1, 0, 1] + [9, 9, 9]


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
