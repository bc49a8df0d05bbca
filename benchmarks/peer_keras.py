"""Keras on its default engine, TensorFlow."""

import keras
import numpy
from task import BATCH_SIZE, CLIP, EPOCHS, LR, NUM_HIDDENS, NUM_STEPS, TOKENS, load

PACKAGES = ["keras", "tensorflow-cpu"]


def concise():
    train_iter, vocab = load()
    layer = keras.layers.GRU(NUM_HIDDENS, return_sequences=True, stateful=True)
    model = keras.Sequential(
        [
            keras.Input(batch_shape=(BATCH_SIZE, NUM_STEPS, len(vocab))),
            layer,
            keras.layers.Dense(len(vocab)),
        ]
    )
    model.compile(
        keras.optimizers.SGD(LR, global_clipnorm=CLIP),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    one_hot = numpy.eye(len(vocab), dtype="float32")

    def turn():
        for _ in range(EPOCHS):
            layer.reset_state()
            for X, Y in train_iter:
                model.train_on_batch(one_hot[X], Y)
        return TOKENS

    return turn
