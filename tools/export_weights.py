"""Train the two networks that readers hold in the page, and write book/widgets/*-weights.js anew.

gru-256 is the concise model of the book, after its 500 epochs; gru-32 is a small one, at 30 moments
of its training.  This takes three minutes on two cores.
"""

import datetime
from pathlib import Path

from mxnet import cpu, gluon, np
from mxnet.gluon import rnn

import d2l_gru as d2l
from d2l_gru import corpus, export

WIDGETS = Path(__file__).resolve().parent.parent / "book" / "widgets"
EPOCHS, MOMENTS = 500, 30


def moments(epochs, count):
    """Return `count` epochs from 1 to `epochs`, dense at first."""
    chosen = sorted({round(epochs ** (i / (count - 1))) for i in range(count)})
    missing = (epoch for epoch in range(2, epochs) if epoch not in chosen)
    return sorted([*chosen, *(next(missing) for _ in range(count - len(chosen)))])


def evaluate(model, ids):
    """Return the perplexity on a text, read in one go."""
    X, Y = np.array([ids[:-1]], dtype="int32"), np.array(ids[1:], dtype="int32")
    logits, _ = model(X, model.begin_state(1, cpu()))
    return d2l.perplexity(float(gluon.loss.SoftmaxCrossEntropyLoss()(logits, Y).mean()))


def train(name, num_hiddens, keep):
    train_iter, vocab = d2l.load_data_time_machine(32, 35)
    ids, _ = d2l.load_corpus_time_machine(10_000)
    d2l.set_seed(0)
    model, kept = d2l.RNNModel(rnn.GRU(num_hiddens), len(vocab)), []

    def after_epoch(epoch, history):
        if epoch in keep:
            params = export.weights(model)
            kept.append(
                {"params": params, "epoch": epoch, "perplexity": round(history.perplexity[-1], 3)}
            )

    history = d2l.train(model, train_iter, 1, EPOCHS, cpu(), on_epoch=after_epoch)
    packed = export.pack(kept[-1]["params"])
    rounded = export.to_model(export.unpack(packed, num_hiddens, len(vocab)), cpu())
    about = {
        "corpusSha256": corpus.find().sha256,
        "date": datetime.date.today().isoformat(),
        "device": "cpu",
        "perplexity": [round(value, 3) for value in history.perplexity],
        # On the text that it was trained on: as trained, and with the weights of the script.
        "asTrained": round(evaluate(model, ids), 4),
        "asShipped": round(evaluate(rounded, ids), 4),
        "text": "".join(vocab.to_tokens(ids)) if name == "gru-256" else "",
    }
    export.write(WIDGETS / f"{name}-weights.js", name, kept, vocab, about)
    print(name, about["asTrained"], about["asShipped"], history.perplexity[-1])


if __name__ == "__main__":
    train("gru-32", 32, moments(EPOCHS, MOMENTS))
    train("gru-256", 256, [EPOCHS])
