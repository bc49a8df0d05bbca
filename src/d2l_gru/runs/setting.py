"""What determines a run."""

import dataclasses

import numpy

from d2l_gru._checks import check_int, check_positive, check_seed
from d2l_gru.text import check_corpus_name, check_max_tokens

MODELS = ("scratch", "concise")


@dataclasses.dataclass(frozen=True)
class Setting:
    """What determines a run; the defaults are the book's.

    NumPy values and paths are converted to Python's own types, which a checkpoint can hold.

    Attributes:
        model: "scratch" or "concise".
        corpus: "timemachine", or the path of a UTF-8 text, whose characters are the tokens.
        max_tokens: use the first N characters; -1 for all.
        num_hiddens, num_layers, batch_size, num_steps, num_epochs: at least 1.
        lr: learning rate, > 0.
        clip: the largest norm of the gradients, > 0; None for no clipping.
        use_random_iter: random instead of consecutive sampling.
        seed: as for `set_seed`.

    Raises:
        ValueError, TypeError: a value is invalid.
    """

    model: str = "concise"
    corpus: str = "timemachine"
    max_tokens: int = 10_000
    num_hiddens: int = 256
    num_layers: int = 1
    batch_size: int = 32
    num_steps: int = 35
    num_epochs: int = 500
    lr: float = 1.0
    clip: float | None = 1.0
    use_random_iter: bool = False
    seed: int = 0

    def __post_init__(self):
        for name, value in self._checked():
            object.__setattr__(self, name, value)

    def _checked(self):
        """Yield the name and the checked value of each attribute."""
        if not isinstance(self.model, str) or self.model not in MODELS:
            raise ValueError(f"model must be 'scratch' or 'concise', not {self.model!r}")
        yield "model", str(self.model)
        for name in ("num_hiddens", "num_layers", "batch_size", "num_steps", "num_epochs"):
            yield name, check_int(name, getattr(self, name), 1)
        if self.model == "scratch" and self.num_layers != 1:
            raise ValueError(f"num_layers must be 1 for the scratch model, not {self.num_layers}")
        yield "lr", check_positive("lr", self.lr)
        if self.clip is not None:
            yield "clip", check_positive("clip (None for no clipping)", self.clip)
        yield "seed", check_seed(self.seed)
        yield "corpus", check_corpus_name(self.corpus)
        yield "max_tokens", check_max_tokens(self.max_tokens)
        if not isinstance(self.use_random_iter, (bool, numpy.bool_)):
            raise TypeError(f"use_random_iter must be a bool, not {self.use_random_iter!r}")
        yield "use_random_iter", bool(self.use_random_iter)
