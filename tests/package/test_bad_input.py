"""Bad input to any public function raises at once, and names the value and what is allowed."""

import inspect
import random
import re

import numpy
import pytest
import reference_gru as ref

V, H = 5, 4
IDS = [0, 1, 2, 3, 4] * 20  # 100 tokens
X = [[0, 1], [2, 3]]
NAN, INF = float("nan"), float("inf")
pytestmark = pytest.mark.usefixtures("seeded")


class Calls:
    """What is called below beside the functions of the package, which have their own names."""

    def __init__(self, framework):
        self.f, self.d2l, self.cpu = framework, framework.d2l, framework.cpu

    def array(self, values):
        if not isinstance(values, list):
            return values
        whole = numpy.asarray(values).dtype.kind == "i"
        return self.f.array(values, self.f.id_type if whole else "float32")

    def model(self, kind="scratch"):
        return self.f.drawn(kind, V, H)

    def vocab(self, text="abcd"):
        return self.d2l.Vocab(list(text))

    def leaf(self):
        return self.f.leaf(numpy.ones(3), numpy.ones(3))

    def without_gradients(self):
        model = self.model()
        model.params = [self.f.array(values) for values in self.f.values(model)]
        return model

    def loader(self, ids=IDS):
        return self.d2l.SeqDataLoader(ids, 2, 3)

    def run(self, kind, X, batch_size=2, device=None):
        """Run a model on X, with a state for `batch_size` rows, or with none."""
        model = self.model(kind)
        state = model.begin_state(batch_size, device or self.cpu) if batch_size else []
        return model(self.array(X), state)

    def begin_state(self, kind, batch_size):
        return self.model(kind).begin_state(batch_size, self.cpu)

    def prepare(self, kind, device):
        return self.model(kind).prepare(device)

    def gru(self, inputs=(3, 2, V), state=(2, H), loop="gru", moved=None, **replaced):
        """Run a loop on zeros of these shapes; `replaced` maps names of parameters to shapes."""
        zeros = lambda shape: self.f.array(numpy.zeros(shape))  # noqa: E731
        arrays = dict(zip(ref.NAMES, self.d2l.get_params(V, H, self.cpu), strict=True))
        arrays["H"] = zeros(state) if state else None
        arrays.update({name: zeros(shape) for name, shape in replaced.items()})
        if moved:
            arrays[moved] = arrays[moved].as_in_ctx(self.f.elsewhere)
        H0 = arrays.pop("H")
        params = [param for param in arrays.values() if 0 not in param.shape]
        return getattr(self.d2l, loop)(zeros(inputs), () if H0 is None else (H0,), params)

    def fast_gru(self, **given):
        return self.gru(loop="fast_gru", **given)

    def to_tokens(self, ids):
        return self.vocab().to_tokens(ids)

    def train(self, function="train", **changed):
        arguments = {"model": self.model(), "train_iter": self.loader(), "lr": 1}
        arguments |= {"num_epochs": 1, "device": self.cpu}
        return getattr(self.d2l, function)(**(arguments | changed))

    def train_ch8(self, lr, num_epochs):
        vocab = self.vocab("time traveller")
        self.d2l.train_ch8(self.model(), self.loader(), vocab, lr, num_epochs, self.cpu)

    def train_epoch(self, *batches, lr=1, clip=1.0, device=None):
        batches = [[self.f.ids(ids) for ids in pair] for pair in batches]
        return self.d2l.train_epoch(self.model(), batches, lr, device or self.cpu, clip)

    def predict(self, prefix="ab", num_preds=2, vocab="abcd", temperature=0):
        vocab = self.d2l.Vocab(list(vocab))
        return self.d2l.predict(prefix, num_preds, self.model(), vocab, self.cpu, temperature)

    def captured(self, batch_size=2, lr=1, device="cpu", clip=1.0):
        return self.d2l.CapturedStep(self.model(), batch_size, 2, lr, device, clip)

    def step(self, X, Y):
        self.captured()(X, Y)


SIZES = [  # of minibatches, of which not one is asked for: the call itself must raise
    (IDS, 0, 3), (IDS, 2, -1), (IDS, 2.0, 3), (IDS, 2, "3"), (IDS, 10, 10), ([], 1, 1),
    ([0.5, 1.5] * 4, 1, 2), (numpy.zeros((9, 2), dtype="int32"), 1, 2), ([2**31] * 9, 1, 2),
    ([0] * 8 + [-5], 1, 2), (numpy.full(9, -1), 1, 2),
    (32, 35, False),  # as the class of 2019 was called, with the sizes first
]  # fmt: skip
SHAPES = [
    {"inputs": (2, V)}, {"inputs": (0, 2, V)}, {"inputs": (3, 2, 6)}, {"state": (3, H)},
    {"W_hr": (4, 3)}, {"b_h": (1,)}, {"b_q": (6,)}, {"W_hq": (3, V)}, {"W_hq": (H,)},
    {"W_hz": (H, 3)}, {"W_hz": (H,)}, {"b_z": (3,)}, {"b_q": 0}, {"state": None},
]  # fmt: skip
KINDS = ("scratch", "concise")


def in_both(f, of):
    """Return {a public function's name, or one of Calls: arguments, a tuple or a dict each}."""
    cpu, leaf, plain = f.cpu, of.leaf(), of.array([1.0])
    far, back = numpy.add(X, 9), numpy.add(X, -9)
    return {
        "tokenize": [(["a"], "words"), (["a"], None)],
        "Vocab": [([],), ([[], []],), (["a"], -1), (["a"], 1.5), (["a"], 0, "<pad>")],
        "to_tokens": [(5,), ([0, -1],), (1.7,)],
        "ngram_perplexity": [("abc", 0), ("abc", 2.0), ("ab", 3)],
        "load_corpus_time_machine": [(0,), (-2,), (1.5,), (9, "x")],
        "load_data_time_machine": [(0, 3), (2, -3), (2, 3, False, 6), (2, 3, False, 0)],
        "seq_data_iter_consecutive": SIZES,
        "seq_data_iter_random": SIZES,
        "SeqDataLoader": SIZES,
        "get_params": [(0, 4, cpu), (4, -1, cpu), (4, "x", cpu)],
        "init_gru_state": [(0, 4, cpu), (2, 2.5, cpu)],
        "gru": SHAPES,
        "fast_gru": SHAPES,
        "RNNModelScratch": [(0, H, cpu, None, None, None), (V, 0, cpu, None, None, None)],
        "RNNModel": [
            (f.layer("GRU", V, H), 0), (f.layer("GRU", V, H), "5"), ("gru", V),
            (f.layer("GRUCell", V, H), V), (f.layer("GRU", V, H, bidirectional=True), V),
        ],
        "begin_state": [(kind, rows) for kind in KINDS for rows in (0, -1)],
        "run": [
            (kind, *more)
            for kind in KINDS
            for more in ((X, 3), ([[0, 5], [1, 1]],), ([[0, -1], [1, 1]],), ([0, 1],),
                         ([[], []],), ([[0.5, 1], [1, 1]],), ([[0.0, 5.0]],), (X, 0))
        ],
        "prepare": [(kind, f.elsewhere) for kind in KINDS],
        "perplexity": [("x",), (None,)],
        "set_seed": [(-1,), ([1],), (2**31,)],  # which MXNet would take as 0
        "sgd": [
            ([leaf], 0), ([leaf], NAN), ([leaf], "x"), ([plain], 1), ([], 1),
            ([5], 1), (of.without_gradients(), 1), ([leaf], 1, 0), ([leaf], 1, 0.5),
        ],
        "gradient_norm": [([plain],), ([],)],
        "grad_clipping": [
            ([leaf], 0), ([leaf], -1), ([leaf], NAN), ([leaf], "1"), ([plain], 1),
        ],
        "train_epoch": [
            (), {"lr": -1}, {"clip": 0}, ((X, back),), ((far, X),), ((X, far),),
            ((X, [[0], [2]]),), ((X, X), (X[:1], X[:1])),
        ],
        "train": [
            {"function": name, **changed}
            for name in ("train", "train_captured")[: 1 if f.name == "mxnet" else 2]
            for changed in (
                {"lr": 0}, {"lr": INF}, {"lr": "1"}, {"num_epochs": 0}, {"num_epochs": 1.5},
                {"num_epochs": True}, {"clip": 0}, {"clip": "x"}, {"on_epoch": 5}, {"device": 3},
                {"device": f.elsewhere}, {"train_iter": of.loader([7] * 9)},
                {"train_iter": of.loader([0] * 6 + [7])}, {"train_iter": []},
            )
        ],
        "train_ch8": [(1, 0), (-1, 1), (1, 1)],
        "predict": [
            ("",), (None,), (5,), ("axb!",), ("ab", -1), ("ab", 1.5), {"temperature": -1},
            {"temperature": NAN}, {"temperature": INF}, {"temperature": 10**400},
            {"temperature": "x"}, (" ", 2, ["time", "machine", "a", "b"]),
            ("time flies", 2, ["time", "machine", "a", "b"]), ("ab", 2, "abcde"), ("ab", 2, "ab"),
        ],
        "predict_ch8": [(text, n, of.model(), of.vocab(), cpu) for text, n in [("", 1), ("a", -1)]],
        "try_gpu": [(-1,), ("0",)],
        "PerplexityCurve": [(0,), (1.5,), (3, {"a": "x"})],
    }  # fmt: skip


def in_mxnet(f, of):
    return {
        "RNNModel": [
            (f.layer("GRU", V, H, layout="NTC"), V), (f.layer("GRU", V, H, input_size=9), V),
            (f.layer("LSTM", V, H, projection_size=2), V),
            (f.layer("GRU", V, H, use_sequence_length=True), V),
        ],
        "run": [
            (kind, *more)
            for kind in KINDS
            for more in ((f.ids(X).as_in_ctx(f.elsewhere),), (X, 2, f.elsewhere))
        ],
        "gru": [{"moved": "H"}, {"moved": "W_hh"}],
        "train": [{"device": "gpu"}, {"device": "cpu", "model": of.model("concise")}],
    }  # fmt: skip


def in_torch(f, of):
    ids, grad = f.ids(X), f.torch.ones(1, requires_grad=True)
    return {
        "get_params": [(4, 2, 7), (4, 2, "tpu?")],
        "RNNModelScratch": [(V, H, None, f.d2l.get_params, None, None)],
        "RNNModel": [
            (f.layer("LSTM", V, H, proj_size=2), V), (f.layer("GRU", V, H), 6),
            (f.layer("GRU", V, H, batch_first=True), V),
        ],
        "run": [
            (kind, X) for kind in KINDS for X in (ids / 2, ids > 1, ((1,),), ids.to("meta"))
        ],
        "sgd": [([grad], 1), ([("weight", of.leaf())], 1)],
        "gradient_norm": [([grad],)],
        "grad_clipping": [([grad], 1)],
        "train_epoch": [{"device": 3}],
        "captured": [{"batch_size": 0}, {"lr": 0}, {"clip": 0}, {"device": "meta"}],
        "step": [
            (ids[:, 0], ids), (ids[:1], ids), (ids, ids * 1.0), (ids, ids + 9),
            (ids.to("meta"), ids),
        ],
        "to_torch": [(None,)],
        "to_mxnet": [(None,)],
    }  # fmt: skip


# What has nothing to get wrong, or is called by another name.
NOT_HERE = {
    "History", "read_time_machine", "use_svg_display", "CapturedStep", "train_captured",
}  # fmt: skip


def test_bad_input_raises_and_is_named(framework, snapshot):
    of, said = Calls(framework), {}
    for table in (in_both, in_mxnet if framework.name == "mxnet" else in_torch):
        for name, cases in table(framework, of).items():
            call = getattr(of, name, None) or getattr(framework.d2l, name)
            for given in cases:
                with pytest.raises((ValueError, TypeError, IndexError)) as caught:
                    call(**given) if isinstance(given, dict) else call(*given)
                message = re.sub(r"gru\d+_", "gru_", str(caught.value))  # Gluon counts its layers
                said.setdefault(name, []).append(f"{caught.type.__name__}: {message}")
    assert said == snapshot
    functions = {name: getattr(framework.d2l, name) for name in framework.d2l.__all__}
    public = {name for name, call in functions.items() if inspect.signature(call).parameters}
    assert public - NOT_HERE <= set(said)


def test_a_bad_seed_changes_nothing(framework):
    state = random.getstate()
    for seed in (-1, 1.5, "x"):
        with pytest.raises((TypeError, ValueError)):
            framework.d2l.set_seed(seed)
    assert random.getstate() == state


def test_a_model_without_parameters_is_told_what_to_do():
    from mxnet import cpu, gluon, np

    import d2l_gru as d2l

    X, model = np.zeros((2, 2), dtype="int32"), d2l.RNNModel(gluon.rnn.GRU(H), V)
    with pytest.raises((ValueError, RuntimeError), match="prepare|initialize"):
        d2l.train_epoch(model, [(X, X)], 1, cpu())


@pytest.mark.parametrize("temperature", [0, 1])
def test_a_diverged_model_says_so(framework, temperature):
    of = Calls(framework)
    model = of.model()
    framework.assign(model.params[-1], numpy.full(V, NAN))
    said = "^the model's logits are not finite: its training diverged$"
    with pytest.raises(ValueError, match=said):
        framework.d2l.predict("ab", 1, model, of.vocab(), framework.cpu, temperature)
