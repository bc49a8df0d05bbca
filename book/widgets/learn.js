/**
 * Training of a small gated recurrent unit, in plain loops: its gradients by backpropagation through
 * time, Adam, and clipping.
 *
 * All is inside one function without anything around it, since its source is also that of a worker:
 * a page opened as a file may start one only from text that it has. It needs gru.js.
 */
(function (root) {
  "use strict";

  /** @param {(seed: number) => () => number} randomFrom  of gru.js */
  function learning(randomFrom) {
    const sigmoid = (/** @type {number} */ x) => 1 / (1 + Math.exp(-x));

    /**
     * The layout of the parameters in one array: gates are stacked r, z, n, as in gru.js.
     * @param {number} tokens @param {number} hiddens
     * @returns {Record<string, [number, number, number]>}  place, rows and columns of each
     */
    function layout(tokens, hiddens) {
      const gates = 3 * hiddens, shapes = {
        W_x: [gates, tokens], W_h: [gates, hiddens], b_x: [gates, 1], b_h: [gates, 1],
        W_q: [tokens, hiddens], b_q: [tokens, 1],
      };
      let at = 0;
      for (const name of Object.keys(shapes)) {
        const [rows, columns] = shapes[name];
        shapes[name] = [at, rows, columns];
        at += rows * columns;
      }
      shapes.size = at;
      return shapes;
    }

    /**
     * One minibatch: the mean loss of its characters, the gradients, and the last states.
     * @param {Float64Array} p  the parameters, as `layout` has them
     * @param {number[][]} X  a row of token ids for each text that is read side by side
     * @param {number[][]} Y  the ids that come next
     * @param {Float64Array[]} states  one for each row, replaced by the last
     * @param {Float64Array} grad  where the gradients are added
     */
    function backward(p, X, Y, states, grad, tokens, hiddens) {
      const at = layout(tokens, hiddens), [Wx, Wh, bx, bh, Wq, bq] =
        ["W_x", "W_h", "b_x", "b_h", "W_q", "b_q"].map((name) => at[name][0]);
      const H = hiddens, V = tokens, scale = 1 / (X.length * X[0].length);
      let loss = 0;
      X.forEach((ids, row) => {
        const T = ids.length, steps = [];
        let h = states[row];
        for (let t = 0; t < T; t++) { // forward
          const r = new Float64Array(H), z = new Float64Array(H), n = new Float64Array(H);
          const past = new Float64Array(H), next = new Float64Array(H), d = new Float64Array(V);
          for (let i = 0; i < H; i++) {
            let [ar, az, an] = [bh + i, bh + H + i, bh + 2 * H + i].map((place) => p[place]);
            const kr = Wh + i * H, kz = kr + H * H, kn = kz + H * H;
            for (let j = 0; j < H; j++) {
              const value = h[j];
              ar += p[kr + j] * value;
              az += p[kz + j] * value;
              an += p[kn + j] * value;
            }
            r[i] = sigmoid(ar + p[Wx + i * V + ids[t]] + p[bx + i]);
            z[i] = sigmoid(az + p[Wx + (H + i) * V + ids[t]] + p[bx + H + i]);
            past[i] = an;
            n[i] = Math.tanh(p[Wx + (2 * H + i) * V + ids[t]] + p[bx + 2 * H + i] + r[i] * an);
            next[i] = z[i] * h[i] + (1 - z[i]) * n[i];
          }
          let largest = -Infinity, sum = 0;
          for (let v = 0; v < V; v++) {
            let logit = p[bq + v];
            for (let j = 0, k = Wq + v * H; j < H; j++) logit += p[k + j] * next[j];
            d[v] = logit;
            if (logit > largest) largest = logit;
          }
          for (let v = 0; v < V; v++) sum += d[v] = Math.exp(d[v] - largest);
          for (let v = 0; v < V; v++) d[v] /= sum;
          loss -= Math.log(Math.max(d[Y[row][t]], 1e-300));
          d[Y[row][t]] -= 1; // softmax minus one-hot
          steps.push({ h, r, z, n, past, next, d });
          h = next;
        }
        states[row] = h;
        let dh = new Float64Array(H);
        for (let t = T - 1; t >= 0; t--) { // backward
          const { h, r, z, n, past, next, d } = steps[t], before = new Float64Array(H);
          for (let v = 0; v < V; v++) {
            const dv = d[v] * scale, k = Wq + v * H;
            grad[bq + v] += dv;
            for (let j = 0; j < H; j++) {
              grad[k + j] += dv * next[j];
              dh[j] += dv * p[k + j];
            }
          }
          for (let i = 0; i < H; i++) {
            const dn = dh[i] * (1 - z[i]) * (1 - n[i] * n[i]);
            const dz = dh[i] * (h[i] - n[i]) * z[i] * (1 - z[i]);
            const dr = dn * past[i] * r[i] * (1 - r[i]), dp = dn * r[i];
            const kr = Wh + i * H, kz = kr + H * H, kn = kz + H * H;
            before[i] += dh[i] * z[i];
            for (let j = 0; j < H; j++) {
              grad[kr + j] += dr * h[j];
              grad[kz + j] += dz * h[j];
              grad[kn + j] += dp * h[j];
              before[j] += dr * p[kr + j] + dz * p[kz + j] + dp * p[kn + j];
            }
            grad[bh + i] += dr;
            grad[bh + H + i] += dz;
            grad[bh + 2 * H + i] += dp;
            [dr, dz, dn].forEach((part, gate) => {
              grad[bx + gate * H + i] += part;
              grad[Wx + (gate * H + i) * V + ids[t]] += part;
            });
          }
          dh = before;
        }
      });
      return loss * scale;
    }

    /** A network in training. */
    class Learner {
      /**
       * @param {string} text @param {number} seed
       * @param {{hiddens?: number, rows?: number, steps?: number}} [sizes]
       * @throws {RangeError} the text is too short for one minibatch
       */
      constructor(text, seed, { hiddens = 32, rows = 8, steps = 25 } = {}) {
        this.tokens = [...new Set(text)].sort();
        this.ids = Array.from(text, (character) => this.tokens.indexOf(character));
        Object.assign(this, { hiddens, rows, steps, random: randomFrom(seed) });
        this.length = Math.floor((this.ids.length - 1) / rows);
        if (this.length < steps) throw new RangeError(`needs at least ${rows * steps + 1} characters`);
        const { size, W_q } = layout(this.tokens.length, hiddens);
        this.p = Float64Array.from({ length: size },
          () => (2 * this.random() - 1) / Math.sqrt(hiddens));
        this.p.fill(0, W_q[0] + W_q[1] * W_q[2]);
        [this.grad, this.mean, this.square] = [1, 2, 3].map(() => new Float64Array(size));
        Object.assign(this, { updates: 0, at: 0, seen: 0, norm: 0 });
        this.begin();
      }

      begin() {
        this.at = 0;
        this.states = Array.from({ length: this.rows }, () => new Float64Array(this.hiddens));
      }

      /** One update by Adam. @returns {number}  the loss before it, in nats a character */
      update(rate, clip) {
        if (this.at + this.steps > this.length) this.begin();
        const cut = (/** @type {number} */ from) => Array.from({ length: this.rows }, (_, row) => {
          const first = row * this.length + this.at + from;
          return this.ids.slice(first, first + this.steps);
        });
        const { p, grad, mean, square } = this;
        grad.fill(0);
        const loss = backward(p, cut(0), cut(1), this.states, grad, this.tokens.length, this.hiddens);
        this.norm = Math.sqrt(grad.reduce((sum, value) => sum + value * value, 0));
        const factor = Math.min(1, clip / this.norm);
        this.updates += 1;
        const first = 1 - 0.9 ** this.updates, second = 1 - 0.999 ** this.updates;
        for (let i = 0; i < p.length; i++) {
          const value = factor * grad[i];
          mean[i] = 0.9 * mean[i] + 0.1 * value;
          square[i] = 0.999 * square[i] + 0.001 * value * value;
          p[i] -= rate * (mean[i] / first) / (Math.sqrt(square[i] / second) + 1e-8);
        }
        this.at += this.steps;
        this.seen += this.rows * this.steps;
        return loss;
      }

      /** Write with the probabilities of the network. @param {string} start @param {number} length */
      write(start, length) {
        const V = this.tokens.length, { W_q, b_q } = layout(V, this.hiddens);
        const states = [new Float64Array(this.hiddens)], none = new Float64Array(this.p.length);
        const read = (/** @type {number} */ id) =>
          backward(this.p, [[id]], [[id]], states, none, V, this.hiddens);
        let id = 0, text = "";
        for (const character of start) {
          if ((id = this.tokens.indexOf(character)) >= 0) read(id);
        }
        while (text.length < length) {
          const logits = this.tokens.map((_, v) => states[0].reduce((sum, value, j) =>
            sum + value * this.p[W_q[0] + v * this.hiddens + j], this.p[b_q[0] + v]));
          const most = Math.max(...logits), powers = logits.map((logit) => Math.exp(logit - most));
          let left = this.random() * powers.reduce((a, b) => a + b);
          id = powers.findIndex((power) => (left -= power) < 0);
          id = id < 0 ? V - 1 : id;
          text += this.tokens[id];
          read(id);
        }
        return text;
      }
    }

    return { layout, backward, Learner };
  }

  /** What the worker does: it trains for a moment, says how it went, and listens. */
  function work({ Learner }) {
    let learner = null, setting = {}, running = false;
    function turn() {
      if (!running || !learner) return;
      const start = performance.now(), before = learner.seen;
      let loss = 0, updates = 0;
      do { loss += learner.update(setting.rate, setting.clip); updates += 1; }
      while (performance.now() - start < 100);
      const seconds = (performance.now() - start) / 1000;
      postMessage({
        seen: learner.seen, loss: loss / updates, norm: learner.norm, epochs: learner.seen / learner.ids.length,
        speed: (learner.seen - before) / seconds, sample: learner.write(setting.start, 60),
      });
      setTimeout(turn);
    }
    onmessage = ({ data }) => {
      Object.assign(setting, data.setting);
      if (data.text) {
        try {
          learner = new Learner(data.text, data.seed);
        } catch (error) {
          learner = null;
          postMessage({ error: error.message });
        }
      }
      const was = running;
      running = data.running ?? running;
      if (running && !was) turn();
    };
  }

  const { randomFrom } = root.gru;
  const source = `"use strict";\n(${work})((${learning})(${randomFrom}));`;
  root.gruLearn = { ...learning(randomFrom), source };
})(globalThis);
