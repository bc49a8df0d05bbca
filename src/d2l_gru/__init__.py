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
        "train_epoch",
    ],
    "history": ["History", "perplexity"],
    "prediction": ["predict"],
    "ch8": ["predict_ch8", "train_ch8"],
    "device": ["try_all_gpus", "try_gpu"],
    "plotting": ["PerplexityCurve", "use_svg_display"],
}
_OLD = {  # for old cells only, so they are not in __all__
    "data": ["count_corpus"],
    "ch8": ["seq_data_iter_sequential", "train_epoch_ch8"],
    "series_of_2019": [
        "Accumulator",
        "Animator",
        "DATA_HUB",
        "DATA_URL",
        "Timer",
        "download",
        "plot",
        "plt",
        "set_axes",
        "set_figsize",
    ],
}
_MODULE_OF = {name: module for of in (_NAMES, _OLD) for module in of for name in of[module]}
_MISSING = (
    "module {!r} has no attribute {!r}; of Dive into Deep Learning it has what the chapters on "
    "recurrent networks use"
)

__all__ = sorted(name for names in _NAMES.values() for name in names)


def __getattr__(name):
    if name not in _MODULE_OF:
        raise AttributeError(_MISSING.format(__name__, name))
    value = getattr(importlib.import_module(f"d2l_gru.{_MODULE_OF[name]}"), name)
    globals()[name] = value  # the next look-up is an ordinary one
    return value


def __dir__():
    return sorted(set(globals()) | set(_MODULE_OF))
