"""Models as readers write them, in both frameworks: a Block or Module, and no more."""

import frameworks
import mxnet
import numpy
import pytest
from mxnet import cpu, gluon, np
from mxnet.gluon import rnn

import d2l_gru
import d2l_gru.torch as on_torch
from d2l_gru.mxnet.parallel import DataParallel, train_epoch_parallel

pytestmark = pytest.mark.usefixtures("torch", "seeded")
VOCAB = d2l_gru.Vocab(list("time traveller"))
V, H = len(VOCAB), 6
IDS = VOCAB[list("time traveller " * 8)]
layers = pytest.mark.parametrize(
    ("layer", "use_random_iter"), [("GRU", False), ("LSTM", True), ("LSTM", False), ("RNN", True)]
)


def own(framework, layer="GRU", device=None):
    """Return a Block or Module as readers write them, with its values."""
    model = framework.own(layer, V, H)
    if framework.name == "mxnet":
        model.initialize(ctx=device or cpu())
        model(np.zeros((1, 1), ctx=device), model.begin_state(batch_size=1, ctx=device))
    return model


def module():
    return own(frameworks.of("torch"))


def arrays(model):
    if isinstance(model, gluon.Block):
        return [param.data() for param in model.collect_params().values()]
    return list(model.parameters())


def loader(package, use_random_iter=False):
    return package.SeqDataLoader(IDS, 4, 5, use_random_iter)


@layers
def test_a_plain_model_trains_as_that_of_the_package(framework, layer, use_random_iter):
    d2l, device = framework.d2l, framework.cpu
    plain, other = own(framework, layer), own(framework, layer)
    ours, again = (d2l.RNNModel(framework.layer(layer, V, H), V) for _ in range(2))
    for model in (ours, again):
        model.prepare(device)
    for model in (again, plain, other):
        for to, values in zip(arrays(model), framework.values(ours), strict=True):
            framework.assign(to, values)

    def in_parallel(model, train_iter, lr, num_epochs, device):
        pair = DataParallel([model, own(framework, layer, cpu(1))])
        epochs = [train_epoch_parallel(pair, train_iter, lr) for _ in range(num_epochs)]
        return d2l_gru.History([perplexity for perplexity, *_ in epochs])

    trained = [(ours, d2l.train), (plain, d2l.train)]
    if framework.name == "torch":
        trained += [(other, on_torch.train_captured), (again, on_torch.train_captured)]
    else:
        trained += [(other, in_parallel)]
    expected = None
    for model, train in trained:
        d2l.set_seed(1)
        history = train(model, loader(d2l, use_random_iter), 1, 2, device)
        expected = expected or history
        assert history.perplexity == pytest.approx(expected.perplexity, rel=1e-5)
    texts = {d2l.predict("time", 9, model, VOCAB, device) for model, _ in trained}
    assert len(texts) == 1
    there = cpu(1) if framework.name == "mxnet" else "meta"
    said = r" is on \[?cpu(\(0\)\])?, but (meta|cpu\(1\)) (was requested|is needed)"
    for model in (plain, ours):
        with pytest.raises(ValueError, match=said):
            d2l.predict("time", 9, model, VOCAB, there)
        with pytest.raises(ValueError, match=said):
            d2l.train(model, loader(d2l), 1, 1, there)


def test_a_model_without_values_is_refused(torch):
    with pytest.raises(ValueError, match="tensors there have no values"):
        on_torch.train(module().to("meta"), loader(on_torch), 1, 1, "meta")


def test_a_block_without_values_gets_those_of_the_package(capsys):
    model = frameworks.of("mxnet").own("GRU", V, H)
    d2l_gru.train_ch8(model, loader(d2l_gru), VOCAB, 1, 1, cpu())
    assert abs(model.rnn.l0_h2h_weight.data().asnumpy().std()) < 0.05
    assert len(capsys.readouterr().out.splitlines()) == 3


def zeros(n, where="cpu"):
    assert isinstance(n, int)
    return frameworks.of("torch").torch.zeros(1, n, H, device=where)


@pytest.mark.parametrize(
    ("begin_state", "works"),
    [
        (lambda batch_size, device: zeros(batch_size, device), True),
        (lambda device, batch_size=1: zeros(batch_size, device), True),
        (lambda batch_size=1: zeros(batch_size), True),
        (lambda n, where: zeros(n, where), True),
        (lambda *args, **kwargs: zeros(kwargs["batch_size"], kwargs["device"]), True),
        (lambda batch_size, where: zeros(batch_size, where), True),
        (lambda n, device: zeros(n, device), True),
        (lambda: zeros(4), False),
        (lambda device, n: zeros(n, device), False),
        (lambda batch_size, device, more: zeros(batch_size, device), False),
    ],
)
def test_a_first_state_in_any_order_that_can_be_told_apart(begin_state, works):
    model = module()
    model.begin_state = begin_state
    if works:
        for train in (on_torch.train, on_torch.train_captured):
            assert train(model, loader(on_torch), 1, 1, "cpu").perplexity[0] > 1
    else:
        with pytest.raises(TypeError, match="begin_state must take batch_size and device"):
            on_torch.train_epoch(model, loader(on_torch), 1, "cpu")


def test_a_class_that_is_no_block_and_no_module(framework):
    d2l, device, ours = framework.d2l, framework.cpu, framework.drawn("scratch", V, H)

    class Scratch:
        def __init__(self):
            self.params = [framework.leaf(framework.numpy(param)) for param in ours.params]

        def begin_state(self, batch_size, where):
            return d2l.init_gru_state(batch_size, H, where)

        def __call__(self, X, state):
            return d2l.gru(framework.xp.eye(V)[X.T], state, self.params)

    theirs, histories = Scratch(), []
    for model in (ours, theirs):
        d2l.set_seed(1)
        histories.append(d2l.train(model, loader(d2l), 1, 2, device).perplexity)
    assert histories[0] == histories[1] and float(d2l.grad_clipping(theirs, 1)) <= 1.0001
    if framework.name == "mxnet":
        theirs.parameters = lambda: theirs.params
        with pytest.raises(ValueError, match=r"the model is on cpu\(0\), but cpu\(1\) is needed"):
            d2l.train(theirs, loader(d2l), 1, 1, cpu(1))
        del theirs.parameters
    del theirs.params
    Scratch.__call__ = lambda self, X, state: ours(X, state)
    with pytest.raises(TypeError, match=r"must be a (Block|Module) or have parameters\(\)"):
        d2l.train_epoch(theirs, loader(d2l), 1, device)


def test_a_first_state_may_be_asked_for_as_in_2019_or_without_a_device(torch, monkeypatch):
    monkeypatch.setenv("D2L_GRU_DEVICE", "cpu:1")
    concise, there = d2l_gru.RNNModel(rnn.GRU(H), V), d2l_gru.RNNModel(rnn.LSTM(H), V)
    there.prepare(cpu(2))
    scratch = frameworks.of("mxnet").drawn("scratch", V, H, cpu(2))
    for model, device in ((concise, cpu(1)), (there, cpu(2)), (scratch, cpu(2))):
        for state in (model.begin_state(batch_size=3), model.begin_state(3, ctx=device)):
            assert {(H0.shape[-2], H0.ctx) for H0 in state} == {(3, device)}
    (H0,) = on_torch.RNNModel(torch.nn.GRU(V, H), V).begin_state(batch_size=3)
    assert H0.shape == (1, 3, H)


# What a model must not give.


def test_ids_that_a_model_has_no_logits_for_are_refused_before_an_update(framework):
    d2l, device, model = framework.d2l, framework.cpu, own(framework)
    before = str(model.dense.bias.data)
    for x, y, found in ((0, V, f"Y holds {V}"), (-1, 0, "X holds -1")):
        pair = [framework.ids(numpy.full((4, 5), value)) for value in (x, y)]
        with pytest.raises(ValueError, match=found):
            d2l.train_epoch(model, [pair], 1, device)
    assert str(model.dense.bias.data) == before


def test_logits_of_another_shape_or_vocabulary_are_refused(framework):
    d2l, device, model = framework.d2l, framework.cpu, own(framework)
    with pytest.raises(ValueError, match=f"vocabulary of {V} tokens, but vocab has 5"):
        d2l.predict("time", 2, model, d2l_gru.Vocab(list("time")), device)
    forward = model.forward
    model.forward = lambda X, state: (forward(X, state)[0].reshape(5, 4, V), state)
    with pytest.raises(ValueError, match=r"here \(20, vocab_size\), not \(5, 4, "):
        d2l.train_epoch(model, loader(d2l), 1, device)


# First states that are trained.


@pytest.mark.parametrize("use_random_iter", [False, True])
def test_a_first_state_with_parameters_is_trained(use_random_iter, torch):
    plain, block = module(), frameworks.of("mxnet").own("GRU", V, H)
    plain.first = torch.nn.Parameter(torch.ones(H))
    plain.begin_state = lambda batch_size, device: plain.first.expand(1, batch_size, H)
    block.first = block.params.get("first", shape=(H,), init=mxnet.init.One())
    block.begin_state = lambda batch_size, ctx: [
        np.broadcast_to(block.first.data(), (1, batch_size, H))
    ]
    on_torch.train(plain, loader(on_torch, use_random_iter), 1, 1, "cpu")
    d2l_gru.train(block, loader(d2l_gru, use_random_iter), 1, 1, cpu())
    assert (plain.first != 1).all() and (block.first.data() != 1).all()
    with pytest.raises(ValueError, match="first state has parameters: use train"):
        on_torch.train_captured(plain, loader(on_torch), 1, 1, "cpu")


def test_a_captured_step_starts_where_the_model_does(torch):
    functions = on_torch.get_params, lambda *size: (torch.ones(4, H),), on_torch.gru
    histories = []
    for train in (on_torch.train, on_torch.train_captured):
        on_torch.set_seed(0)
        model = on_torch.RNNModelScratch(V, H, "cpu", *functions)
        for param in model.params:
            param.data *= 50
        for order in (True, False):
            histories += train(model, loader(on_torch, order), 1, 2, "cpu").perplexity
    assert histories[:4] == pytest.approx(histories[4:])
