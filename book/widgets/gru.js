/**
 * A gated recurrent unit over characters: the network of the book, in the page.
 *
 * A classic script, since a page opened as a file may load no modules.
 * Gates are stacked r, z, n, as in MXNet and cuDNN. All arithmetic is in double precision.
 */
(function (root) {
  "use strict";

  /**
   * @typedef {object} Params  float arrays, row by row
   * @property {Float32Array} W_x  (3 * hiddens, tokens)
   * @property {Float32Array} W_h  (3 * hiddens, hiddens)
   * @property {Float32Array} b_x  (3 * hiddens)
   * @property {Float32Array} b_h  (3 * hiddens)
   * @property {Float32Array} W_q  (tokens, hiddens)
   * @property {Float32Array} b_q  (tokens)
   */

  /**
   * @typedef {object} Step  what one character did
   * @property {Float64Array} r  reset gate (hiddens), 0 hides the state from the candidate
   * @property {Float64Array} z  update gate (hiddens), 1 keeps the state
   * @property {Float64Array} n  candidate (hiddens)
   * @property {Float64Array} past  what the candidate makes of the state, before the reset gate acts
   *   where that acts after the product (hiddens)
   * @property {Float64Array} h  new state (hiddens)
   * @property {Float64Array} logits  (tokens), of the character that comes next
   */

  const sigmoid = (/** @type {number} */ x) => 1 / (1 + Math.exp(-x));

  /**
   * Multiply a row of a matrix with a vector; four sums at once need not wait for each other.
   * @param {Float32Array} matrix
   * @param {number} start  of the row
   * @param {Float64Array} vector
   */
  function dot(matrix, start, vector) {
    const { length } = vector, whole = length - length % 4;
    let a = 0, b = 0, c = 0, d = 0;
    for (let j = 0, at = start; j < whole; j += 4, at += 4) {
      a += matrix[at] * vector[j];
      b += matrix[at + 1] * vector[j + 1];
      c += matrix[at + 2] * vector[j + 2];
      d += matrix[at + 3] * vector[j + 3];
    }
    for (let j = whole; j < length; j++) a += matrix[start + j] * vector[j];
    return a + b + c + d;
  }

  /**
   * Multiply the transpose of a matrix with a vector.
   * @param {Float32Array} matrix
   * @param {Float64Array} vector  (rows)
   * @param {number} columns
   */
  function transposed(matrix, vector, columns) {
    const product = new Float64Array(columns);
    vector.forEach((value, row) => {
      for (let j = 0, at = row * columns; j < columns; j++, at++) product[j] += value * matrix[at];
    });
    return product;
  }

  /**
   * Turn base64 into bytes.
   * @param {string} text
   * @returns {Uint8Array}
   */
  function bytes(text) {
    return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  }

  /**
   * Unpack weights: for each array float32 scales, one a row, and then int8 values.
   * @param {string} text  base64, as benchmarks/export_weights.py writes it
   * @param {number} hiddens
   * @param {number} tokens
   * @returns {Params}
   * @throws {RangeError} the text has another length than the sizes need
   */
  function unpack(text, hiddens, tokens) {
    const data = bytes(text), view = new DataView(data.buffer), gates = 3 * hiddens;
    let at = 0;
    const take = (/** @type {number} */ rows, /** @type {number} */ columns) => {
      const array = new Float32Array(rows * columns);
      for (let row = 0; row < rows; row++) {
        const scale = view.getFloat32(at + 4 * row, true);
        for (let column = 0; column < columns; column++) {
          const place = row * columns + column;
          array[place] = view.getInt8(at + 4 * rows + place) * scale;
        }
      }
      at += 4 * rows + rows * columns;
      return array;
    };
    const params = {
      W_x: take(gates, tokens), W_h: take(gates, hiddens), b_x: take(1, gates),
      b_h: take(1, gates), W_q: take(tokens, hiddens), b_q: take(1, tokens),
    };
    if (at !== data.length) throw new RangeError(`${data.length} bytes in place of ${at}`);
    return params;
  }

  class GRU {
    /**
     * @param {Params} params
     * @param {string[]} tokens  the vocabulary; token 0 stands for all that is not in it
     */
    constructor(params, tokens) {
      this.params = params;
      this.tokens = tokens;
      this.numHiddens = params.b_x.length / 3;
      /** @type {Map<string, number>} */
      this.ids = new Map(tokens.map((token, id) => [token, id]));
    }

    /** The state before the first character. */
    begin() {
      return new Float64Array(this.numHiddens);
    }

    /**
     * Read one character.
     * @param {string} character  one that is not in the vocabulary is read as token 0
     * @param {Float64Array} state
     * @param {"after" | "before"} [reset]  whether the reset gate acts after the product with W_h,
     *   as in the layer that was trained, or before it, with the same weights
     * @returns {Step}
     */
    step(character, state, reset = "after") {
      const { W_x, W_h, b_x, b_h, W_q, b_q } = this.params;
      const size = this.numHiddens, tokens = this.tokens.length, id = this.ids.get(character) ?? 0;
      const product = (/** @type {number} */ row, /** @type {Float64Array} */ vector) =>
        b_h[row] + dot(W_h, row * size, vector);
      const input = (/** @type {number} */ row) => W_x[row * tokens + id] + b_x[row];
      const r = new Float64Array(size), z = new Float64Array(size);
      const n = new Float64Array(size), h = new Float64Array(size), past = new Float64Array(size);
      for (let i = 0; i < size; i++) {
        r[i] = sigmoid(input(i) + product(i, state));
        z[i] = sigmoid(input(size + i) + product(size + i, state));
      }
      const shown = reset === "before" ? state.map((value, i) => r[i] * value) : state;
      for (let i = 0; i < size; i++) {
        past[i] = product(2 * size + i, shown);
        n[i] = Math.tanh(input(2 * size + i) + (reset === "before" ? past[i] : r[i] * past[i]));
        h[i] = z[i] * state[i] + (1 - z[i]) * n[i];
      }
      const logits = new Float64Array(tokens);
      for (let token = 0; token < tokens; token++) {
        logits[token] = b_q[token] + dot(W_q, token * size, h);
      }
      return { r, z, n, past, h, logits };
    }

    /**
     * Read a text from a state of zeros.
     * @param {string} text
     * @param {"after" | "before"} [reset]
     * @returns {Step[]}  one for each character
     */
    read(text, reset = "after") {
      /** @type {Float64Array} */
      let state = this.begin();
      return Array.from(text, (character) => {
        const step = this.step(character, state, reset);
        state = step.h;
        return step;
      });
    }

    /**
     * Go back through time: for each character, from the last to the first, the gradient of the
     * loss -ln p(target) after the last one with respect to the character's one-hot input.
     * @param {Step[]} steps  of the characters, with the reset gate after the product
     * @param {number} target  the token that comes next
     * @yields {Float64Array} (tokens)
     */
    *backward(steps, target) {
      const { W_x, W_h, W_q } = this.params, size = this.numHiddens;
      const wrong = softmax(steps.at(-1).logits);
      wrong[target] -= 1;
      let gradient = transposed(W_q, wrong, size); // of the state
      for (let t = steps.length - 1; t >= 0; t--) {
        const { r, z, n, past } = steps[t], state = steps[t - 1]?.h ?? this.begin();
        const inputs = new Float64Array(3 * size), states = new Float64Array(3 * size);
        for (let i = 0; i < size; i++) {
          const candidate = gradient[i] * (1 - z[i]) * (1 - n[i] ** 2);
          inputs[i] = states[i] = candidate * past[i] * r[i] * (1 - r[i]);
          inputs[size + i] = states[size + i] =
            gradient[i] * (state[i] - n[i]) * z[i] * (1 - z[i]);
          inputs[2 * size + i] = candidate;
          states[2 * size + i] = candidate * r[i];
        }
        yield transposed(W_x, inputs, this.tokens.length);
        const through = transposed(W_h, states, size);
        gradient = through.map((value, i) => value + z[i] * gradient[i]);
      }
    }

    /**
     * Go on from a text.
     * @param {string} text  at least one character
     * @param {number} length  how many characters to add
     * @param {number} [temperature]  0 takes the likeliest each time
     * @param {() => number} [random]  a number in [0, 1) at each call
     * @param {"after" | "before"} [reset]
     * @returns {string}  the added characters
     */
    write(text, length, temperature = 0, random = Math.random, reset = "after") {
      let step = this.read(text, reset).at(-1), added = "";
      if (!step) throw new RangeError("there is no text to go on from");
      while (added.length < length) {
        const character = this.tokens[choose(step.logits, temperature, random)];
        added += character.length === 1 ? character : " ";
        step = this.step(added[added.length - 1], step.h, reset);
      }
      return added;
    }
  }

  /**
   * Turn logits into probabilities.
   * @param {Float64Array} logits
   * @param {number} [temperature]  above 0
   * @returns {Float64Array}
   */
  function softmax(logits, temperature = 1) {
    const largest = Math.max(...logits);
    const powers = logits.map((logit) => Math.exp((logit - largest) / temperature));
    const sum = powers.reduce((a, b) => a + b, 0);
    return powers.map((power) => power / sum);
  }

  /**
   * Choose a token.
   * @param {Float64Array} logits
   * @param {number} temperature  0 takes the likeliest
   * @param {() => number} random
   * @returns {number}
   */
  function choose(logits, temperature, random) {
    if (temperature === 0) return logits.indexOf(Math.max(...logits));
    const probabilities = softmax(logits, temperature);
    let left = random();
    for (let token = 0; token < probabilities.length; token++) {
      left -= probabilities[token];
      if (left < 0) return token;
    }
    return probabilities.length - 1;
  }

  /**
   * Make a generator of numbers in [0, 1) that a seed determines (mulberry32).
   * @param {number} seed
   * @returns {() => number}
   */
  function randomFrom(seed) {
    let state = seed >>> 0;
    return () => {
      state = (state + 0x6d2b79f5) >>> 0;
      let mixed = Math.imul(state ^ (state >>> 15), state | 1);
      mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
      return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
    };
  }

  /**
   * For each character of a text, the length of the longest piece around it that occurs in a source.
   * @param {string} text
   * @param {string} source
   * @returns {number[]}
   */
  function matches(text, source) {
    const longest = new Array(text.length).fill(0);
    for (let start = 0, end = 0; start < text.length; start++) {
      end = Math.max(end, start);
      while (end < text.length && source.includes(text.slice(start, end + 1))) end++;
      for (let i = start; i < end; i++) longest[i] = Math.max(longest[i], end - start);
    }
    return longest;
  }

  root.gru = { GRU, unpack, softmax, choose, randomFrom, matches };
})(globalThis);
