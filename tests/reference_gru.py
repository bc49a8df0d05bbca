"""A GRU language model in float64 NumPy, with its gradients written out by hand.

The oracle of the tests: it shares no code with the package.  Parameters are a dict with the book's
names.  ``reset="before"`` applies the reset gate before the recurrent product, as the scratch model
does; ``reset="after"`` applies it after, as Gluon does, and knows one more bias, ``c_h``.
"""

import numpy as np

NAMES = "W_xz W_hz b_z W_xr W_hr b_r W_xh W_hh b_h W_hq b_q".split()


def random_params(vocab_size, num_hiddens, seed=0, scale=0.7):
    """Draw weights and biases large enough for every gate to matter."""
    rng = np.random.default_rng(seed)
    shape_of = {"x": (vocab_size, num_hiddens), "h": (num_hiddens, num_hiddens)}
    params = {}
    for name in NAMES:
        if name == "W_hq":
            shape = (num_hiddens, vocab_size)
        elif name.startswith("W"):
            shape = shape_of[name[2]]
        else:
            shape = (vocab_size if name == "b_q" else num_hiddens,)
        params[name] = rng.normal(scale=scale, size=shape)
    return params


def one_hot(X, vocab_size):
    """Turn ids (batch_size, num_steps) into rows (num_steps, batch_size, vocab_size)."""
    return np.eye(vocab_size)[np.asarray(X).T]


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def forward(inputs, H, p, reset):
    """Return logits (num_steps * batch_size, vocab_size), the last H, and what each step made."""
    outputs, steps = [], []
    for X in inputs:
        Z = sigmoid(X @ p["W_xz"] + H @ p["W_hz"] + p["b_z"])
        R = sigmoid(X @ p["W_xr"] + H @ p["W_hr"] + p["b_r"])
        if reset == "before":
            recurrent = (R * H) @ p["W_hh"]
        else:
            recurrent = R * (H @ p["W_hh"] + p["c_h"])
        N = np.tanh(X @ p["W_xh"] + recurrent + p["b_h"])
        steps.append((X, H, Z, R, N))
        H = Z * H + (1 - Z) * N
        outputs.append(H @ p["W_hq"] + p["b_q"])
    return np.concatenate(outputs), H, steps


def log_softmax(logits):
    shifted = logits - logits.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def mean_loss(logits, Y):
    """Return the mean cross-entropy in nats; Y ids (batch_size, num_steps)."""
    labels = np.asarray(Y).T.reshape(-1)
    return -log_softmax(np.asarray(logits, "float64"))[np.arange(len(labels)), labels].mean()


def gradients(inputs, H, p, reset, Y, first_step=0):
    """Return the gradient of the mean loss over steps `first_step` on, as a dict like `p`."""
    logits, H, steps = forward(inputs, H, p, reset)
    num_steps, batch_size, _ = inputs.shape
    labels = np.asarray(Y).T.reshape(-1)
    d_logits = np.exp(log_softmax(logits))
    d_logits[np.arange(len(labels)), labels] -= 1
    d_logits = d_logits.reshape(num_steps, batch_size, -1) / ((num_steps - first_step) * batch_size)
    d_logits[:first_step] = 0

    grad = {name: np.zeros_like(value) for name, value in p.items()}
    d_H = np.zeros_like(H)  # of the H that a step hands on
    H_after = H
    for (X, H, Z, R, N), d_Y in zip(reversed(steps), reversed(d_logits), strict=True):
        grad["W_hq"] += H_after.T @ d_Y
        grad["b_q"] += d_Y.sum(0)
        d_H = d_H + d_Y @ p["W_hq"].T
        a_n = d_H * (1 - Z) * (1 - N**2)
        a_z = d_H * (H - N) * Z * (1 - Z)
        if reset == "before":
            d_RH = a_n @ p["W_hh"].T
            d_R, d_back = d_RH * H, d_RH * R
            grad["W_hh"] += (R * H).T @ a_n
        else:
            d_product = a_n * R
            d_R = a_n * (H @ p["W_hh"] + p["c_h"])
            d_back = d_product @ p["W_hh"].T
            grad["W_hh"] += H.T @ d_product
            grad["c_h"] += d_product.sum(0)
        a_r = d_R * R * (1 - R)
        for gate, a in (("z", a_z), ("r", a_r), ("h", a_n)):
            grad[f"W_x{gate}"] += X.T @ a
            grad[f"b_{gate}"] += a.sum(0)
        grad["W_hz"] += H.T @ a_z
        grad["W_hr"] += H.T @ a_r
        d_H = d_H * Z + d_back + a_z @ p["W_hz"].T + a_r @ p["W_hr"].T
        H_after = H
    return grad


def finite_differences(loss, arrays, step=1e-5):
    """Return central differences of ``loss()`` for each entry of `arrays`, changed in place."""
    slopes = []
    for array in arrays:
        slope = np.zeros(array.shape)
        for index in np.ndindex(*array.shape):
            value = float(array[index])
            array[index] = value + step
            above = loss()
            array[index] = value - step
            below = loss()
            array[index] = value
            slope[index] = (above - below) / (2 * step)
        slopes.append(slope)
    return slopes


def joint_norm(grads):
    return np.sqrt(sum((np.asarray(grad, "float64") ** 2).sum() for grad in grads))


def from_layer(arrays, bias):
    """Return the arrays of a one-layer GRU and its output layer under the book's names.

    Both libraries have them in this order, stack the gates r, z, n, and store each weight
    transposed.  `bias` makes one of the two biases that the gates r and z have.
    """
    *layer, W_q, b_q = (array.astype("float64") for array in arrays)
    W_x, W_h, b_x, b_h = (np.split(array, 3) for array in layer)
    p = {"W_hq": W_q.T, "b_q": b_q}
    for i, gate in enumerate("rzh"):
        p |= {f"W_x{gate}": W_x[i].T, f"W_h{gate}": W_h[i].T, f"b_{gate}": bias([b_x[i], b_h[i]])}
    return p | {"b_h": b_x[2], "c_h": b_h[2]}


def from_gluon(layer, dense):
    """Return the weights of a one-layer ``rnn.GRU`` and its ``Dense`` under the book's names."""
    params = [*layer._reg_params.values(), dense.weight, dense.bias]
    return from_layer([param.data().asnumpy() for param in params], sum)
