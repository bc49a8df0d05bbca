// The engine of the pages, where the answer is known: node --test tests/gru.test.js

"use strict";

const assert = require("node:assert");
const { test } = require("node:test");
const { GRU, unpack, softmax, choose, randomFrom, matches } = require("../../book/widgets/gru.js");

const TOKENS = ["<unk>", " ", "a", "b"];

/** A network whose arrays are drawn from a seed. */
function network(hiddens, seed = 1, change = {}) {
  const random = randomFrom(seed);
  const draw = (size) => Float32Array.from({ length: size }, () => 4 * random() - 2);
  const params = {
    W_x: draw(3 * hiddens * TOKENS.length), W_h: draw(3 * hiddens * hiddens), b_x: draw(3 * hiddens),
    b_h: draw(3 * hiddens), W_q: draw(TOKENS.length * hiddens), b_q: draw(TOKENS.length),
  };
  return new GRU({ ...params, ...change }, TOKENS);
}

/** Biases that hold the gates of two units, and leave the candidate alone. */
const held = (r, z) => Float32Array.of(r, r, z, z, 0, 0);

test("one unit, by hand", () => {
  const one = new GRU({
    W_x: Float32Array.of(0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0), W_h: Float32Array.of(0.5, 0.25, -1),
    b_x: Float32Array.of(0, 0.5, 0), b_h: Float32Array.of(0, 0, 0.5),
    W_q: Float32Array.of(1, 2, 3, 4), b_q: Float32Array.of(0, 0, 0, 1),
  }, TOKENS);
  const h = 0.5, sigmoid = (x) => 1 / (1 + Math.exp(-x));
  const r = sigmoid(1 + 0.5 * h), z = sigmoid(2 + 0.5 + 0.25 * h);
  for (const [reset, past] of [["after", r * (-h + 0.5)], ["before", -r * h + 0.5]]) {
    const n = Math.tanh(3 + past), next = z * h + (1 - z) * n;
    const step = one.step("a", Float64Array.of(h), reset);
    for (const [name, value] of Object.entries({ r, z, n, h: next })) {
      assert.ok(Math.abs(step[name][0] - value) < 1e-12, `${reset} ${name}`);
    }
    assert.ok(Math.abs(step.logits[3] - (4 * next + 1)) < 1e-12);
  }
});

test("gates at their limits", () => {
  const state = Float64Array.of(0.3, -0.7);
  const keeps = network(2, 1, { b_x: held(0, 1000) }).step("a", state);
  assert.deepStrictEqual(keeps.h, state);
  const takes = network(2, 1, { b_x: held(0, -1000) }).step("a", state);
  assert.deepStrictEqual(takes.h, takes.n);
  const shown = network(2, 1, { b_x: held(1000, 0) });
  assert.deepStrictEqual(shown.step("a", state, "after").h, shown.step("a", state, "before").h);
  const hidden = network(2, 1, { b_x: held(-1000, -1000), b_h: held(0, 0) });
  assert.deepStrictEqual(hidden.step("a", state).h, hidden.step("a", hidden.begin()).h);
});

test("the two orders differ, and no call changes its state", () => {
  const two = network(2), state = Float64Array.of(0.3, -0.7);
  assert.notDeepStrictEqual(two.step("b", state, "after").h, two.step("b", state, "before").h);
  assert.deepStrictEqual(state, Float64Array.of(0.3, -0.7));
});

test("reading is stepping, and a strange character is token 0", () => {
  const five = network(5), [first, second] = five.read("ab");
  assert.deepStrictEqual(second, five.step("b", first.h));
  assert.deepStrictEqual(five.read("?"), five.read("ö"));
  assert.deepStrictEqual(five.read(""), []);
});

test("packed weights come back, and another length is refused", () => {
  const bytes = new Uint8Array(3 * (4 + 4) + 3 * (4 + 1) + 2 * (4 + 3) + 4 * (4 + 1) + (4 + 4));
  const view = new DataView(bytes.buffer);
  view.setFloat32(4, 0.5, true); // the scale of the second row of W_x
  view.setInt8(12 + 5, -127); // the second row's second value
  const text = Buffer.from(bytes).toString("base64");
  assert.deepStrictEqual([...unpack(text, 1, 4).W_x], [0, 0, 0, 0, 0, -63.5, 0, 0, 0, 0, 0, 0]);
  assert.throws(() => unpack(text, 1, 5), RangeError);
  assert.throws(() => unpack(text, 1, 3), RangeError);
});

test("probabilities", () => {
  const p = softmax(Float64Array.of(1000, 1001, 999));
  assert.ok(Math.abs(p.reduce((a, b) => a + b) - 1) < 1e-12);
  assert.ok(Math.abs(p[1] / p[0] - Math.E) < 1e-9);
  assert.ok(softmax(Float64Array.of(0, 1), 0.1)[1] > 0.9999);
});

test("sampling follows the probabilities, and a seed repeats it", () => {
  const logits = Float64Array.of(0, Math.log(3)), random = randomFrom(7), counts = [0, 0];
  for (let i = 0; i < 4000; i++) counts[choose(logits, 1, random)]++;
  assert.ok(Math.abs(counts[1] / 4000 - 0.75) < 0.03);
  assert.strictEqual(choose(logits, 0, () => 0), 1);
  const eight = network(8);
  const write = (seed) => eight.write("a", 30, 1, randomFrom(seed));
  assert.strictEqual(write(1), write(1));
  assert.notStrictEqual(write(1), write(2));
  assert.strictEqual(write(1).length, 30);
  assert.throws(() => eight.write("", 3), RangeError);
});

test("greedy writing takes the likeliest each time", () => {
  const eight = network(8), added = eight.write("ab", 10);
  for (let i = 0; i < added.length; i++) {
    const { logits } = eight.read("ab" + added.slice(0, i)).at(-1);
    const token = TOKENS[logits.indexOf(Math.max(...logits))];
    assert.strictEqual(added[i], token.length === 1 ? token : " ");
  }
});

test("matches are the longest, as trying all pieces finds", () => {
  const random = randomFrom(3), letters = (size) =>
    Array.from({ length: size }, () => "ab c"[Math.floor(4 * random())]).join("");
  for (let trial = 0; trial < 50; trial++) {
    const source = letters(30), text = letters(12);
    const slow = Array.from(text, (_, at) => {
      let longest = 0;
      for (let start = 0; start <= at; start++) {
        for (let end = at + 1; end <= text.length; end++) {
          if (source.includes(text.slice(start, end))) longest = Math.max(longest, end - start);
        }
      }
      return longest;
    });
    assert.deepStrictEqual(matches(text, source), slow, `${text} in ${source}`);
  }
});

test("a step of 256 units takes about a thousandth of a second", () => {
  const large = network(256), times = [];
  let state = large.begin();
  for (let i = 0; i < 200; i++) {
    const start = performance.now();
    state = large.step("a", state).h;
    times.push(performance.now() - start);
  }
  const median = times.sort((a, b) => a - b)[100];
  console.log(`${median.toFixed(3)} ms a step`);
  assert.ok(median < 4);
});
