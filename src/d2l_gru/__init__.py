"""The gated recurrent unit (GRU), from scratch and with MXNet Gluon.

The companion package of the book *The Gated Recurrent Unit*.  ``import d2l_gru as d2l`` gives every
public name below; each module is loaded when one of its names is first used.
``import d2l_gru.torch as d2l`` gives the same names for PyTorch.  Importing either has one side
effect: MXNet, if it is or will be imported, has NumPy semantics (``npx.set_np()``).
"""

import importlib

from d2l_gru import _before_mxnet  # noqa: F401  (acts when MXNet is imported)

__version__ = "0.1.0"

_NAMES = {
    "data": [
        "Vocab",
        "load_corpus_time_machine",
        "ngram_perplexity",
        "read_time_machine",
        "tokenize",
    ],
    "minibatches": [
        "SeqDataLoader",
        "load_data_time_machine",
        "seq_data_iter_consecutive",
        "seq_data_iter_random",
    ],
    "scratch": ["RNNModelScratch", "get_params", "gru", "init_gru_state"],
    "concise": ["RNNModel"],
    "training": [
        "grad_clipping",
        "gradient_norm",
        "set_seed",
        "sgd",
        "train",
        "train_ch8",
        "train_epoch",
    ],
    "history": ["History", "perplexity"],
    "prediction": ["predict", "predict_ch8"],
    "device": ["try_all_gpus", "try_gpu"],
    "plotting": ["PerplexityCurve", "use_svg_display"],
}
_MODULE_OF = {name: module for module, names in _NAMES.items() for name in names}

__all__ = sorted(_MODULE_OF)


def __getattr__(name):
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'd2l_gru' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"d2l_gru.{_MODULE_OF[name]}"), name)
    globals()[name] = value  # the next look-up is an ordinary one
    return value


def __dir__():
    return sorted(set(globals()) | set(__all__))
