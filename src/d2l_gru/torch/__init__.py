"""The package's public names for PyTorch: ``import d2l_gru.torch as d2l``.

The same names, arguments, seeds and results as in `d2l_gru`; MXNet need not be installed.  What
depends on no framework is the same code.  Each module is loaded when one of its names is first
used.
"""

import importlib

_NAMES = {
    "d2l_gru.data": [
        "Vocab",
        "load_corpus_time_machine",
        "ngram_perplexity",
        "read_time_machine",
        "tokenize",
    ],
    "d2l_gru.history": ["History", "perplexity"],
    "d2l_gru.plotting": ["PerplexityCurve", "use_svg_display"],
    "d2l_gru.torch.minibatches": [
        "SeqDataLoader",
        "load_data_time_machine",
        "seq_data_iter_consecutive",
        "seq_data_iter_random",
    ],
    "d2l_gru.torch.scratch": ["RNNModelScratch", "get_params", "gru", "init_gru_state"],
    "d2l_gru.torch.concise": ["RNNModel"],
    "d2l_gru.torch.training": [
        "grad_clipping",
        "gradient_norm",
        "set_seed",
        "sgd",
        "train",
        "train_ch8",
        "train_epoch",
    ],
    "d2l_gru.torch.captured": ["CapturedStep", "train_captured"],
    "d2l_gru.torch.prediction": ["predict", "predict_ch8"],
    "d2l_gru.torch.device": ["try_all_gpus", "try_gpu"],
    "d2l_gru.torch.crossing": ["to_mxnet", "to_torch"],
}
_MODULE_OF = {name: module for module, names in _NAMES.items() for name in names}

__all__ = sorted(_MODULE_OF)


def __getattr__(name):
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'd2l_gru.torch' has no attribute {name!r}")
    value = getattr(importlib.import_module(_MODULE_OF[name]), name)
    globals()[name] = value  # the next look-up is an ordinary one
    return value


def __dir__():
    return sorted(set(globals()) | set(__all__))
