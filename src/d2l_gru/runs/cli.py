"""The commands ``train`` and ``sample``: training for hours or days, and using the result."""

import contextlib
import dataclasses
import datetime
import json
import shlex
import signal
import sys
import time
import warnings
from pathlib import Path

from d2l_gru.cluster import process as job
from d2l_gru.runs import backends

NUMBERS = ("num_hiddens", "num_layers", "batch_size", "num_steps", "num_epochs", "seed")


def add_train_parser(subparsers):
    """Add the command ``train``; return its parser."""
    parser = subparsers.add_parser("train", help="train from the shell, with a log and checkpoints")
    parser.add_argument("--model", choices=("scratch", "concise"))
    parser.add_argument("--corpus", metavar="FILE", help="a UTF-8 text; default: The Time Machine")
    parser.add_argument(
        "--max-tokens", type=int, metavar="N",
        help="use the first N characters, 10,000 by default; -1 for all",
    )  # fmt: skip
    for name in NUMBERS:
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, metavar="N")
    parser.add_argument("--lr", type=float, metavar="X")
    parser.add_argument("--clip", type=_clip, metavar="X", help="a number, or 'none'")
    parser.add_argument(
        "--random", dest="use_random_iter", action="store_true", default=None,
        help="random instead of consecutive sampling",
    )  # fmt: skip
    parser.add_argument("--device", help="cpu, gpu, one like gpu:1, or several: gpu:0,gpu:1")
    _add_framework(parser)
    parser.add_argument("--log", metavar="FILE", help="append one line of JSON per epoch")
    parser.add_argument("--checkpoints", metavar="FOLDER", help="keep the newest three here")
    parser.add_argument(
        "--checkpoint-every", type=float, default=60, metavar="SECONDS",
        help="60 by default; 0 saves after every update",
    )  # fmt: skip
    parser.add_argument("--resume", action="store_true", help="continue from the newest checkpoint")
    parser.set_defaults(run=lambda options: guarded(train, options))
    return parser


def add_sample_parser(subparsers):
    """Add the command ``sample``."""
    parser = subparsers.add_parser("sample", help="complete a text with a trained model")
    parser.add_argument("checkpoint", help="a checkpoint, or a folder of checkpoints")
    parser.add_argument(
        "--prefix", help="by default 'time traveller', or the first word of your own text"
    )
    parser.add_argument("--length", type=int, default=50, help="characters to add")
    parser.add_argument("--temperature", type=float, default=0.0, help="0 picks the likeliest")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", help="cpu, gpu or one like gpu:1")
    _add_framework(parser)
    parser.set_defaults(run=lambda options: guarded(sample, options))


def _add_framework(parser):
    parser.add_argument("--framework", choices=("mxnet", "torch"), default="mxnet")


def _clip(text):
    return False if text == "none" else float(text)


def guarded(command, options):
    """Run a command; an input error is one line, not a traceback."""
    with warnings.catch_warnings():
        warnings.simplefilter("default", UserWarning)
        warnings.showwarning = lambda message, *rest: print(f"warning: {message}", file=sys.stderr)
        try:
            return command(options)
        except BrokenPipeError:
            raise  # nobody reads the output: not an input error
        except (ValueError, OSError, ImportError) as error:
            print(f"error: {error}", file=sys.stderr)
            return job.leave(2)


def _device(text, framework):
    return framework.try_gpu() if text is None else framework.parse_device(text)


def train(options):
    """Train as the options say; return 0, or 128 + the number of a signal that ended it.

    In a job, run in the process's role: scheduler, server or worker.
    """
    if job.role() in ("scheduler", "server"):
        job.serve()
        return 0
    stop = _Stop()
    try:
        with job.signals(stop):
            return _train(options, stop)
    except KeyboardInterrupt:  # before the first update, or twice
        _say_how_to_go_on(options)
        return job.leave(128 + (stop.numbers or [signal.SIGINT])[0])


class _Stop:
    """The signal handler: before training it stops at once, later after the current update.

    A second Ctrl-C stops at once.  Any other signal may come twice, as from ``timeout``, and its
    sender resorts to SIGKILL in the end.

    Attributes:
        numbers: list of the signals received.
        under_way: whether the first signal waits for the end of the update.
    """

    def __init__(self):
        self.numbers, self.under_way = [], False

    def __call__(self, number, _):
        first = not self.numbers
        again = number == signal.SIGINT and number in self.numbers
        self.numbers.append(number)
        if again or (first and not self.under_way):
            raise KeyboardInterrupt


def _train(options, stop):
    setting, found = _prepare(options)
    with job.member() as store:
        from d2l_gru.runs.run import Run

        names = [None] if options.device is None else options.device.split(",")
        framework = backends.load(options.framework)
        run = Run(setting, [_device(name, framework) for name in names], found, store)
        _say_what_is_left_out(run, options)
        stopped = _go(run, options, stop)
    if stopped:
        _say_how_to_go_on(options)
        return 128 + stopped
    if run.rank == 0:
        ppl, speed = run.history.perplexity[-1], run.history.tokens_per_second[-1]
        where = ", ".join(map(str, run.devices))
        workers = f" of each of {run.parallel.num_workers} workers" if store is not None else ""
        print(f"Perplexity {ppl:.3f}, {speed:,.0f} tokens/s on {where}{workers}")
    return 0


def _say_what_is_left_out(run, options):
    """Print a note if only the beginning of the user's own text is used by default."""
    used, there = run.setting.max_tokens, sum(count for _, count in run.vocab.token_freqs)
    asked = options.resume or options.max_tokens is not None
    if run.rank == 0 and not asked and run.setting.corpus != "timemachine" and there > used:
        print(
            f"note: using the first {used:,} of {there:,} characters; for all: --max-tokens -1",
            file=sys.stderr,
        )


def _prepare(options):
    """Return the `Setting` and, to resume, the checkpoint's (arrays, meta)."""
    from d2l_gru import checkpoint
    from d2l_gru.runs.run import Setting, read_checkpoint

    given = {f.name: getattr(options, f.name) for f in dataclasses.fields(Setting)}
    given = {k: v for k, v in given.items() if v is not None}
    if given.get("clip") is False:
        given["clip"] = None
    if not options.checkpoint_every >= 0:
        raise ValueError(f"--checkpoint-every must be >= 0, not {options.checkpoint_every}")
    if options.resume and not options.checkpoints:
        raise ValueError("--resume needs --checkpoints FOLDER")
    if options.resume:
        path, *found = read_checkpoint(options.checkpoints)
        return _continued(Setting(**found[1]["setting"]), given, path), found
    if options.checkpoints and checkpoint.paths(options.checkpoints):
        raise ValueError(
            f"{options.checkpoints} holds checkpoints of another run: add --resume to continue "
            "it, or choose another folder"
        )
    return Setting(**given), None


def _say_how_to_go_on(options):
    from d2l_gru import checkpoint

    if job.role() is not None:
        return  # the launcher says it, once
    if not options.checkpoints:
        said = "stopped; nothing was saved, because --checkpoints was not given"
    elif not checkpoint.paths(options.checkpoints):
        said = "stopped before there was anything to save"
    else:
        folder = shlex.quote(options.checkpoints)
        said = f"stopped; to continue: python -m d2l_gru train --resume --checkpoints {folder}"
    with contextlib.suppress(OSError):  # after SIGHUP the terminal is gone
        print(f"\n{said}", file=sys.stderr)


def _continued(setting, given, path):
    """Return the checkpoint's setting, with more epochs if requested; refuse any other change."""
    for name, value in given.items():
        before = getattr(setting, name)
        if name != "num_epochs" and value != before:
            raise ValueError(f"{path} was trained with {name} {before}, not {value}")
    return dataclasses.replace(setting, num_epochs=given.get("num_epochs", setting.num_epochs))


def _go(run, options, stop):
    """Train to the end; return 0, or the number of the signal that came first."""
    from d2l_gru._progress import progress

    chief = run.rank == 0  # only this one writes
    with contextlib.ExitStack() as stack:
        log = stack.enter_context(_open_log(options.log, run)) if options.log and chief else None
        stop.under_way = True
        epochs = range(run.epoch, run.setting.num_epochs + 1)
        bar = {"initial": run.epoch - 1, "total": run.setting.num_epochs, "unit": "epoch"}
        saved_at = time.monotonic()
        for _ in progress(epochs, **bar) if chief else epochs:
            for _ in run.updates_of_epoch():
                due = chief and time.monotonic() - saved_at >= options.checkpoint_every
                save, stopped = run.wants(due, stop.numbers)
                if options.checkpoints and (save or stopped):
                    run.save(options.checkpoints)
                    saved_at = time.monotonic()
                if stopped:  # in a job, perhaps by the signal of another worker
                    return (stop.numbers or [signal.SIGTERM])[0]
            if log:
                log.write(json.dumps(_entry(run)) + "\n")
                log.flush()
        if options.checkpoints:
            run.save(options.checkpoints)
    return 0


def _entry(run):
    return {
        "epoch": run.epoch - 1,
        "perplexity": run.history.perplexity[-1],
        "tokens_per_second": round(run.history.tokens_per_second[-1], 1),
        "gradient_norm": run.history.gradient_norm[-1],
        "date": datetime.datetime.now().isoformat(timespec="seconds"),
        "device": ", ".join(map(str, run.devices)),
    }


def _open_log(name, run):
    """Open the log for appending, without the lines of epochs that will be repeated."""
    path = Path(name)
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    if lines and run.updates == 0:
        raise ValueError(
            f"the log {name} already exists and belongs to another run: choose another file"
        )
    kept = []
    for number, line in enumerate(lines, 1):
        try:
            epoch = json.loads(line)["epoch"]
        except (ValueError, KeyError, TypeError):
            if number == len(lines):
                break  # truncated by a kill
            raise ValueError(f"{name}, line {number}, is not a log entry: {line!r}") from None
        kept += [line] if epoch < run.epoch else []
    if lines:
        temporary = path.with_name(f".{path.name}.tmp")
        temporary.write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")
        temporary.replace(path)
    return open(path, "a", encoding="utf-8")


def sample(options):
    """Print a completion."""
    from d2l_gru.runs.run import load_model, read_checkpoint

    _, arrays, meta = read_checkpoint(options.checkpoint)
    framework = backends.load(options.framework)
    device = _device(options.device, framework)
    model, vocab = load_model(arrays, meta, device)
    framework.set_seed(options.seed)
    prefix = _default_prefix(meta) if options.prefix is None else options.prefix
    how = prefix, options.length, model, vocab, device, options.temperature
    print(framework.predict(*how))
    return 0


def _default_prefix(meta):
    if meta["setting"]["corpus"] == "timemachine":
        return "time traveller"
    return meta.get("prefix") or meta["vocab"][0][0]  # older checkpoints lack it
