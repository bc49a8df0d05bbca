/**
 * "One step, in numbers": the equations of one unit at one character, and its drawing beside them.
 *
 * The network is the one with 32 units, after its training. A classic script. It needs gru.js,
 * parts.js and cell.css.
 */
(function (root) {
  "use strict";

  const { make, announcer, decimals, clamp } = root.gruParts;

  const START = "the time traveller", LONGEST = 40;

  /**
   * What can be pointed at in assets/gru-cell.svg, in its units: a box, and where its number stands.
   * Its height is 462 from 22, its width 720.
   */
  const PLACES = {
    h: { name: "old state", box: [0, 30, 150, 62], at: [190, 58] },
    x: { name: "input", box: [200, 420, 60, 60], at: [292, 466] },
    r: { name: "reset gate", box: [20, 160, 140, 80], at: [46, 148] },
    z: { name: "update gate", box: [340, 160, 140, 80], at: [364, 148] },
    n: { name: "candidate", box: [154, 280, 152, 80], at: [438, 334] },
    g: { name: "new state", box: [590, 30, 130, 72], at: [694, 118] },
  };

  const ORDERS = [
    { value: "before", label: "before the product, as in the drawing" },
    { value: "after", label: "after the product, as this network was trained" },
  ];

  const sigmoid = (/** @type {number} */ x) => 1 / (1 + Math.exp(-x));

  /** A word of an equation: what it stands for, with subscripts after _, and under it its number. */
  function term(/** @type {string} */ key, /** @type {string} */ symbol, /** @type {number} */ value) {
    const [start, ...rest] = symbol.split("_");
    const parts = rest.flatMap((part) => {
      const [, below, after] = part.match(/^(\S*)(.*)$/);
      return [make("sub", {}, below), after];
    });
    return make("span", { class: "gw-cell-term", "data-term": key },
      make("span", {}, start, ...parts), make("b", {}, decimals(value)));
  }

  class Cell {
    constructor(entry, picture) {
      const { GRU, unpack } = root.gru, { numHiddens, tokens, snapshots } = entry;
      this.network = new GRU(unpack(snapshots.at(-1).params, numHiddens, tokens.length), tokens);
      this.input = make("input", {
        type: "text", value: START, maxlength: LONGEST, spellcheck: "false", autocomplete: "off",
        autocapitalize: "off", "aria-label": "Text to read",
      });
      this.input.addEventListener("input", () => { this.at = Infinity; this.draw(); });
      this.letters = make("div", { class: "gw-cell-letters", role: "group", "aria-label": "Step" });
      this.unit = make("input", { type: "number", min: 1, max: numHiddens, step: 1, value: 1 });
      this.unit.addEventListener("input", () => this.draw());
      this.order = make("select", {}, ...ORDERS.map(({ value, label }) => make("option", { value }, label)));
      this.order.addEventListener("input", () => this.draw());
      this.picture = make("div", { class: "gw-cell-picture" }, picture);
      this.spots = Object.fromEntries(Object.entries(PLACES).map(([key, place]) => {
        const [x, y, width, height] = place.box;
        const spot = make("button", {
          type: "button", class: "gw-cell-spot", "data-term": key, "aria-label": place.name,
          style: `left: ${x / 7.2}%; top: ${(y - 22) / 4.62}%; ` +
            `width: ${width / 7.2}%; height: ${height / 4.62}%`,
        });
        const number = make("span", {
          class: "gw-cell-number", "data-term": key,
          style: `left: ${place.at[0] / 7.2}%; top: ${(place.at[1] - 22) / 4.62}%`,
        });
        this.picture.append(spot, number);
        return [key, number];
      }));
      this.lines = make("div", { class: "gw-cell-lines" });
      this.live = announcer();
      this.element = make("div", { class: "gw-cell" },
        this.input, this.letters,
        make("div", { class: "gw-row" },
          make("label", {}, "Unit ", this.unit), make("label", {}, "Reset gate ", this.order)),
        make("div", { class: "gw-cell-both" }, this.picture, this.lines), this.live.element);
      for (const [over, out] of [["pointerover", "pointerout"], ["focusin", "focusout"]]) {
        this.element.addEventListener(over, ({ target }) => this.light(target));
        this.element.addEventListener(out, () => this.light(null));
      }
      this.element.addEventListener("click", ({ target }) => {
        const key = target.closest("[data-term]")?.dataset.term;
        if (key) this.live.say(`${PLACES[key].name}: ${this.spots[key].textContent}`);
      });
      this.reset();
    }

    reset() {
      Object.assign(this.input, { value: START });
      Object.assign(this.unit, { value: "1" });
      this.order.value = "before";
      this.at = 5;
      this.draw();
    }

    /** Light up all that stands for the same. @param {Element | null} target */
    light(target) {
      const key = target?.closest?.("[data-term]")?.dataset.term;
      for (const part of this.element.querySelectorAll("[data-term]")) {
        part.classList.toggle("gw-cell-lit", part.dataset.term === key);
      }
    }

    draw() {
      const text = this.input.value.toLowerCase().replace(/[^a-z]/g, " ").slice(0, LONGEST) || " ";
      this.at = clamp(this.at, 0, text.length - 1);
      const order = this.order.value, steps = this.network.read(text, order);
      const focused = this.letters.contains(document.activeElement);
      this.letters.replaceChildren(...[...text].map((character, i) => {
        const button = make("button", {
          type: "button", "aria-pressed": i === this.at, tabindex: i === this.at ? 0 : -1,
          "aria-label": `step ${i + 1}, ${character === " " ? "space" : character}`,
        }, character === " " ? "␣" : character);
        button.addEventListener("click", () => { this.at = i; this.draw(); });
        button.addEventListener("keydown", ({ key }) => {
          const move = { ArrowLeft: -1, ArrowRight: 1 }[key];
          if (move) { this.at = i + move; this.draw(); }
        });
        return button;
      }));
      if (focused) this.letters.children[this.at].focus();
      const H = this.network.numHiddens, i = clamp(Math.round(Number(this.unit.value)) || 1, 1, H) - 1;
      const before = this.at > 0 ? steps[this.at - 1].h : this.network.begin();
      this.write(text[this.at], before, steps[this.at], i, order);
    }

    /** Write the equations of unit i at one step. */
    write(character, old, step, i, order) {
      const { W_x, W_h, b_x, b_h } = this.network.params, H = this.network.numHiddens;
      const V = this.network.tokens.length, id = this.network.ids.get(character) ?? 0;
      const seen = order === "before" ? old.map((value, j) => step.r[j] * value) : old;
      const parts = (/** @type {number} */ gate, /** @type {Float64Array} */ vector) => {
        const row = gate * H + i;
        let sum = 0;
        for (let j = 0; j < H; j++) sum += W_h[row * H + j] * vector[j];
        return { x: W_x[row * V + id], h: sum, b: b_x[row], c: b_h[row] };
      };
      const gate = (key, symbol, number) => {
        const { x, h, b, c } = parts(number, old), sum = x + h + b + c;
        return this.line(symbol, key, ["σ("], term("x", `X_t W_x${key}`, x), ["+"],
          term("h", `H_t−1 W_h${key}`, h), ["+"], term("", `b_${key}`, b + c),
          [`) = σ(${decimals(sum)}) =`], sigmoid(sum));
      };
      const { x, h, b, c } = parts(2, seen), r = step.r[i], z = step.z[i], n = step.n[i];
      const past = order === "before"
        ? [["+"], term("r", "(R_t ∗ H_t−1 ) W_hh", h), ["+"], term("", "b_h", b + c), [")"]]
        : [["+"], term("r", "R_t", r), ["∗ ("], term("h", "H_t−1 W_hh", h), ["+"],
          term("", "b_hh", c), [") +"], term("", "b_h", b), [")"]];
      const sum = order === "before" ? x + h + b + c : x + r * (h + c) + b;
      this.lines.replaceChildren(
        gate("r", "R_t", 0), gate("z", "Z_t", 1),
        this.line("H̃_t", "n", ["tanh("], term("x", "X_t W_xh", x), ...past,
          [`= tanh(${decimals(sum)}) =`], Math.tanh(sum)),
        this.line("H_t", "g", term("z", "Z_t", z), ["∗"], term("h", "H_t−1", old[i]), ["+ (1 −"],
          term("z", "Z_t", z), [") ∗"], term("n", "H̃_t", n), ["="], z * old[i] + (1 - z) * n));
      const numbers = { h: old[i], r, z, n, g: step.h[i] };
      for (const [key, value] of Object.entries(numbers)) this.spots[key].textContent = decimals(value);
      this.spots.x.textContent = character === " " ? "␣" : character;
    }

    /** One equation; the last part is what comes out. */
    line(symbol, key, ...parts) {
      const value = parts.pop();
      return make("p", { class: "gw-cell-line" }, term(key, symbol, value), " = ",
        ...parts.flatMap((part) => [Array.isArray(part) ? part[0] : part, " "]),
        make("b", { "data-term": key }, decimals(value)));
    }
  }

  /** The equations of one unit at one character. */
  function cell(models) {
    const picture = document.querySelector("[data-widget=cell] figure > :first-child");
    const made = new Cell(models["gru-32"], picture.cloneNode(true));
    return { element: made.element, reset: () => made.reset() };
  }

  Object.assign(root.gruWidgets ??= {}, { cell });
})(globalThis);
