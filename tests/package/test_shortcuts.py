"""A shortcut stands for a model only where nothing in the model was replaced.

The shortcuts are the readers in NumPy behind `predict`, and the twins in the other framework.
"""

import contextlib
import functools

import mxnet
import numpy
import pytest
from mxnet import cpu, gluon, np
from mxnet.gluon import rnn

import d2l_gru
import d2l_gru.torch as on_torch

pytestmark = pytest.mark.usefixtures("torch", "seeded")
VOCAB = d2l_gru.Vocab(list("abcdef"))
V, H = len(VOCAB), 6


def scratch(framework, init_state=None, forward_fn=None, cls=None):
    d2l = on_torch if framework == "torch" else d2l_gru
    init_state, forward_fn = init_state or d2l.init_gru_state, forward_fn or d2l.gru
    device = "cpu" if framework == "torch" else cpu()
    make = cls or d2l.RNNModelScratch
    model = make(V, H, device, d2l.get_params, init_state, forward_fn)
    return large(model, model.params)


def large(model, params):
    """Give parameters such values that the model's text is no trivial one."""
    rng = numpy.random.default_rng(8)
    for param in params:
        value = rng.normal(scale=2, size=tuple(param.shape)).astype("float32")
        if hasattr(param, "asnumpy"):
            param[:] = value
        else:
            import torch

            param.data.copy_(torch.from_numpy(value))
    return model


def concise(framework, cls=None, **layer):
    if framework == "torch":
        import torch

        model = (cls or on_torch.RNNModel)(torch.nn.GRU(V, H, **layer), V)
        return large(model, model.parameters())
    model = (cls or d2l_gru.RNNModel)(rnn.GRU(H, **layer), V)
    model.prepare(cpu())
    return large(model, model.parameters())


def greedy(model, prefix, num_preds):
    """Complete a text by calling the model, as its own code does."""
    if isinstance(model, (on_torch.RNNModel, on_torch.RNNModelScratch)):
        import torch

        array, device, within = torch.tensor, "cpu", torch.no_grad
    else:
        array, device, within = (
            (lambda ids: np.array(ids, dtype="int32")),
            cpu(),
            contextlib.nullcontext,
        )
    with within():
        state, ids, new = model.begin_state(1, device), VOCAB[list(prefix)], VOCAB[list(prefix)]
        for _ in range(num_preds):
            Y_hat, state = model(array([new]), state)
            new = [int(Y_hat[-1].argmax())]
            ids = ids + new
    return "".join(VOCAB.to_tokens(ids))


def predict(model, num_preds=12):
    if isinstance(model, (on_torch.RNNModel, on_torch.RNNModelScratch)):
        return on_torch.predict("bad", num_preds, model, VOCAB, "cpu")
    return d2l_gru.predict("bad", num_preds, model, VOCAB, cpu())


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


def ones(batch_size, num_hiddens, device):
    d2l = on_torch if device in ("cpu", on_torch.try_gpu()) else d2l_gru
    return tuple(5 + 0 * H for H in d2l.init_gru_state(batch_size, num_hiddens, device))


def negated(d2l, kind):
    """Return a subclass whose logits have the other sign."""
    if kind == "scratch":

        class Negated(d2l.RNNModelScratch):
            __call__ = half(d2l.RNNModelScratch.__call__)
    else:

        class Negated(d2l.RNNModel):
            forward = half(d2l.RNNModel.forward)

    return Negated


def pruned(model):
    import torch
    from torch.nn.utils import prune

    mask = torch.zeros(V, H)
    prune.custom_from_mask(model.dense, "weight", mask)
    return model


def weight_norm(model, new):
    import torch

    norm = torch.nn.utils.parametrizations.weight_norm if new else torch.nn.utils.weight_norm
    norm(model.dense, "weight")
    with torch.no_grad():
        for name, param in model.dense.named_parameters():
            if name.endswith(("_g", "original0")):
                param.neg_()
    return model


def torch_nn():
    import torch

    return torch.nn


class Negated(gluon.nn.Dense):
    def hybrid_forward(self, *args, **kwargs):
        return -super().hybrid_forward(*args, **kwargs)


CHANGED = {
    "scratch: its first state": lambda f, d2l: scratch(f, init_state=ones),
    "scratch: its function": lambda f, d2l: scratch(f, forward_fn=half(d2l.gru)),
    "scratch: a subclass": lambda f, d2l: scratch(f, cls=negated(d2l, "scratch")),
    "scratch: begin_state of the instance": lambda f, d2l: with_(
        m := scratch(f), begin_state=lambda n, device: ones(n, H, m.device)
    ),
    "concise: a subclass": lambda f, d2l: concise(f, cls=negated(d2l, "concise")),
    "concise: forward of the instance": lambda f, d2l: with_(
        m := concise(f), forward=half(m.forward)
    ),
    "concise: begin_state of the instance": lambda f, d2l: with_(
        m := concise(f),
        begin_state=lambda n, device: [5 + h for h in type(m).begin_state(m, n, device)],
    ),
}
TORCH = {
    "another dense": lambda: with_(
        m := concise("torch"), dense=torch_nn().Sequential(m.dense, torch_nn().Softmin(-1))
    ),
    "a hook": lambda: with_hook(concise("torch"), None, hook=negate_first),
    "a hook of dense": lambda: with_hook(concise("torch"), "dense"),
    "a hook of rnn": lambda: with_hook(concise("torch"), "rnn", hook=negate_first),
    "a hook before dense": lambda: with_hook(
        concise("torch"), "dense", "forward_pre_hook", lambda m, args: (-args[0],)
    ),
    "weight_norm, old": lambda: weight_norm(concise("torch"), False),
    "weight_norm, new": lambda: weight_norm(concise("torch"), True),
    "pruned": lambda: pruned(concise("torch")),
}  # fmt: skip
MXNET = {
    "another dense": lambda: with_(m := concise("mxnet"), dense=Negated(V, params=m.dense.params)),
    "dense with an activation": lambda: with_(
        m := concise("mxnet"), dense=with_(m.dense, act=gluon.nn.HybridLambda(lambda F, x: -x))
    ),
}  # fmt: skip
CASES = {f"torch, {name}": make for name, make in TORCH.items()}
CASES |= {f"mxnet, {name}": make for name, make in MXNET.items()}
for f, d2l in (("torch", on_torch), ("mxnet", d2l_gru)):
    for name, make in CHANGED.items():
        CASES[f"{f}, {name}"] = functools.partial(make, f, d2l)


@pytest.mark.parametrize("make", CASES.values(), ids=CASES)
@pytest.mark.filterwarnings("ignore:.*weight_norm.*:FutureWarning")
def test_what_was_replaced_is_completed_with_and_has_no_twin(make):
    model = make()
    kind = scratch if hasattr(model, "init_state") else concise
    is_torch = isinstance(model, (on_torch.RNNModel, on_torch.RNNModelScratch))
    unchanged = kind("torch" if is_torch else "mxnet")
    assert predict(model) == greedy(model, "bad", 12) != greedy(unchanged, "bad", 12)
    with pytest.raises(ValueError, match="the model has no twin: "):
        (on_torch.to_mxnet if is_torch else on_torch.to_torch)(model)


def changed_inside(framework):
    """Yield models that still are of the package's classes throughout, and what is said of them."""
    twin = on_torch if framework == "torch" else d2l_gru
    model = scratch(framework)
    model.params[1] = model.params[1][:, :2]
    yield model, "its params have other shapes than those of get_params"
    model = scratch(framework)
    model.params[10] = model.params[10].double() if twin is on_torch else np.zeros(V, "float64")
    yield model, "its params must be float32 on cpu"
    model = concise(framework)
    if twin is on_torch:
        model.rnn.batch_first = True
    else:
        model.rnn._layout = "NTC"
    yield model, "its rnn is not as RNNModel takes it"
    dense = torch_nn().Linear(H, V, bias=False) if twin is on_torch else None
    dense = dense or gluon.nn.Dense(V, use_bias=False, in_units=H)
    yield with_(concise(framework), dense=dense), "its dense must have biases"
    more = torch_nn().Linear(1, 1) if twin is on_torch else gluon.nn.Dense(1)
    yield with_(concise(framework), more=more), "it has other parameters than those of its rnn"


@pytest.mark.parametrize("framework", ["torch", "mxnet"])
def test_each_change_is_named(framework):
    for model, said in changed_inside(framework):
        with pytest.raises(ValueError, match=said):
            (on_torch.to_mxnet if framework == "torch" else on_torch.to_torch)(model)


@pytest.mark.parametrize("framework", ["torch", "mxnet"])
@pytest.mark.parametrize("make", [scratch, concise])
def test_a_class_that_was_patched_is_called(framework, make, monkeypatch):
    model = make(framework)
    before, name = predict(model), "__call__" if make is scratch else "forward"
    monkeypatch.setattr(type(model), name, half(getattr(type(model), name)))
    assert predict(model) == greedy(model, "bad", 12) != before


def test_hooks_run_at_each_character(torch):
    seen = []
    for model in (concise("mxnet"), concise("torch")):
        model.register_forward_hook(lambda module, args, out: seen.append(len(args[0][0])))
        model.register_forward_pre_hook(lambda module, args: seen.append(0))
        predict(model, 3)
    handle = torch.nn.modules.module.register_module_forward_pre_hook(lambda *_: seen.append(9))
    with contextlib.closing(contextlib.ExitStack()) as stack:
        stack.callback(handle.remove)
        predict(concise("torch"), 1)
    assert seen == 2 * [0, 3, 0, 1, 0, 1] + [9, 9, 9]


def test_precision_is_the_models_own(torch):
    for dtype in ("float64", "bfloat16"):
        model = concise("torch").to(getattr(torch, dtype))
        assert model.begin_state(2)[0].dtype == getattr(torch, dtype)
        assert predict(model) == greedy(model, "bad", 12)
        with pytest.raises(ValueError, match=f"must be float32, not torch.{dtype}"):
            on_torch.to_mxnet(model)
    model, sums = concise("torch"), []
    with torch.autocast("cpu", torch.bfloat16):
        model.dense.register_forward_hook(lambda m, args, out: sums.append(out.dtype))
        predict(model, 1)
    assert sums == [torch.bfloat16]
    model = concise("mxnet")
    model.cast("float64")
    assert predict(model) == greedy(model, "bad", 12)
    with pytest.raises(ValueError, match="must be float32, not float64"):
        on_torch.to_torch(model)


def test_dropout_is_off_while_a_text_is_completed_and_then_as_before(torch):
    model = concise("torch", num_layers=2, dropout=0.9)
    model.dense.eval()
    modes = [part.training for part in model.modules()]
    model.register_forward_hook(lambda *_: None)  # so that the model itself is called
    assert len({predict(model) for _ in range(3)}) == 1
    assert [part.training for part in model.modules()] == modes == [True, True, False]
    with pytest.raises(ZeroDivisionError):
        on_torch.predict("bad", 3, with_(model, forward=lambda *_: 1 / 0), VOCAB, "cpu")
    assert [part.training for part in model.modules()] == modes
    model = with_hook(concise("mxnet", num_layers=2, dropout=0.9), None, hook=lambda *_: None)
    with mxnet.autograd.record():
        assert len({predict(model) for _ in range(3)}) == 1


def test_twins_share_dropout_and_what_is_frozen(torch):
    model = concise("mxnet", num_layers=2, dropout=0.25)
    model.rnn.l1_h2h_weight.grad_req = "null"
    twin = on_torch.to_torch(model)
    frozen = [name for name, param in twin.named_parameters() if not param.requires_grad]
    assert (twin.rnn.dropout, frozen) == (0.25, ["rnn.weight_hh_l1"])
    back = on_torch.to_mxnet(twin)
    frozen = [name for name, p in back.collect_params().items() if p.grad_req == "null"]
    assert back.rnn._dropout == 0.25 and len(frozen) == 1 and frozen[0].endswith("l1_h2h_weight")
    assert predict(model) == predict(twin) == predict(back)
    twin = scratch("torch")
    twin.params[1].requires_grad_(False)
    back = on_torch.to_mxnet(twin)
    before = back.params[1].asnumpy()
    d2l_gru.train(back, d2l_gru.SeqDataLoader([1, 2, 3] * 9, 2, 3), 1, 1, cpu())
    assert (back.params[1].asnumpy() == before).all()
