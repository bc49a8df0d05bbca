"""The gated recurrent unit (GRU), from scratch and with MXNet Gluon.

The companion package of the book *The Gated Recurrent Unit*.  ``import d2l_gru as d2l`` gives every
public name below; each module is loaded when one of its names is first used.
``import d2l_gru.torch as d2l`` gives the same names for PyTorch.  Importing either has one side
effect: MXNet, if it is or will be imported, has NumPy semantics (``npx.set_np()``).
"""

import importlib

from d2l_gru import _before_mxnet, _moved  # noqa: F401  (these act when others are imported)

__version__ = "0.1.0"

# Modules to their public names: those that need no framework, and those that each has its own of.
_SHARED = {
    "text": [
        "Vocab",
        "load_corpus_time_machine",
        "ngram_perplexity",
        "read_time_machine",
        "tokenize",
    ],
    "history": ["History", "perplexity"],
    "plotting": ["PerplexityCurve", "use_svg_display"],
}
_EACH = {
    "minibatches": [
        "SeqDataLoader",
        "load_data_time_machine",
        "seq_data_iter_consecutive",
        "seq_data_iter_random",
    ],
    "scratch_fast": ["fast_gru"],
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
    "generate": ["predict"],
    "ch8": ["predict_ch8", "train_ch8"],
    "device": ["try_all_gpus", "try_gpu"],
}
_OLD_SHARED = {  # for old cells only, so they are not in __all__
    "text": ["count_corpus"],
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
_OLD_EACH = {"ch8": ["seq_data_iter_sequential", "train_epoch_ch8"]}
_MISSING = (
    "module {!r} has no attribute {!r}; of Dive into Deep Learning it has what the chapters on "
    "recurrent networks use"
)


def _modules_of(framework, own=()):
    """Return a dict from each name, public or old, to the module that has it for `framework`."""
    shared = [(f"d2l_gru.{module}", of[module]) for of in (_SHARED, _OLD_SHARED) for module in of]
    each = [
        (f"d2l_gru.{framework}.{module}", of[module])
        for of in (_EACH, _OLD_EACH, own)
        for module in of
    ]
    return {name: module for module, names in shared + each for name in names}


_MODULE_OF = _modules_of("mxnet")

__all__ = sorted(name for of in (_SHARED, _EACH) for names in of.values() for name in names)


def __getattr__(name):
    if name not in _MODULE_OF:
        raise AttributeError(_MISSING.format(__name__, name))
    value = getattr(importlib.import_module(_MODULE_OF[name]), name)
    globals()[name] = value  # the next look-up is an ordinary one
    return value


def __dir__():
    return sorted(set(globals()) | set(_MODULE_OF))
