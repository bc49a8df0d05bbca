/**
 * Finds units of the gate strip that are active in a span of the text, and where else they are.
 *
 * A classic script. It needs gru.js and parts.js.
 */
(function (root) {
  "use strict";

  const { make, decimals, mean, paint, onTheme } = root.gruParts;

  /** Units and stretches listed, and characters on either side of a stretch. */
  const LISTED = 8, AROUND = 14;
  /** Milliseconds of work in one idle slice. */
  const SLICE = 8;

  const later = root.requestIdleCallback
    ? (/** @type {IdleRequestCallback} */ work) => requestIdleCallback(work, { timeout: 500 })
    : (/** @type {IdleRequestCallback} */ work) => setTimeout(work, 20);

  /** A character that can be seen. @param {string} text */
  const visible = (text) => text.replaceAll(" ", "␣");

  /** @param {number} share  from 0 to 1 */
  const percent = (share) => `${Math.round(100 * share)}%`;

  /**
   * The units whose |h| is larger in a span than outside it, by the difference of the means.
   * @param {object[]} steps
   * @param {[number, number]} span  its first and its last character
   * @returns {{unit: number, inside: number, outside: number}[]}  the largest first
   */
  function active(steps, [from, to]) {
    const inside = new Float64Array(steps[0].h.length), outside = inside.slice();
    const many = to - from + 1, others = Math.max(1, steps.length - many);
    steps.forEach(({ h }, i) => {
      const within = i >= from && i <= to, sums = within ? inside : outside;
      h.forEach((value, unit) => { sums[unit] += Math.abs(value) / (within ? many : others); });
    });
    return Array.from(inside, (value, unit) => ({ unit, inside: value, outside: outside[unit] }))
      .sort((a, b) => b.inside - b.outside - a.inside + a.outside).slice(0, LISTED);
  }

  /**
   * Where values reach a level.
   * @param {ArrayLike<number>} values  one for each character
   * @param {number} level  its sign says from which side
   * @returns {[number, number][]}  the first and the last character of each stretch
   */
  function stretches(values, level) {
    const found = [], sign = Math.sign(level) || 1;
    for (let i = 0; i < values.length; i++) {
      if (sign * values[i] < sign * level) continue;
      if (found.at(-1)?.[1] === i - 1) found.at(-1)[1] = i;
      else found.push([i, i]);
    }
    return found;
  }

  /** The characters that are most frequent among some, with their shares there and in the text. */
  function frequent(/** @type {string} */ text, /** @type {[number, number][]} */ found) {
    const count = (/** @type {string} */ some) => {
      const counts = new Map();
      for (const each of some) counts.set(each, (counts.get(each) ?? 0) + 1);
      return counts;
    };
    const some = found.map(([from, to]) => text.slice(from, to + 1)).join("");
    const all = count(text);
    return Array.from(count(some)).sort((a, b) => b[1] - a[1]).slice(0, 3)
      .map(([each, times]) => `${each === " " ? "space" : each} ${percent(times / some.length)} ` +
        `(${percent(all.get(each) / text.length)})`);
  }

  /** A text with a colour behind each character. */
  function coloured(/** @type {string} */ text, /** @type {ArrayLike<number>} */ values,
    /** @type {number} */ from, /** @type {number} */ to) {
    const canvas = make("canvas", { "aria-hidden": "true" });
    paint(canvas, Array.from(values, (value) => [value]), [0], "h");
    return make("li", {}, make("span", { class: "gw-find-context" }, canvas,
      text.slice(0, from), make("b", {}, visible(text.slice(from, to))), text.slice(to)));
  }

  class Finder {
    /**
     * @param {string} id
     * @param {object} entry  of the model, with its training text
     * @param {object} network  a gru.GRU
     * @param {(unit: number) => void} choose  called when a unit of the list is pressed
     */
    constructor(id, entry, network, choose) {
      Object.assign(this, { entry, network, choose });
      this.arm = make("button", { type: "button", "aria-pressed": "false" }, "Choose a span");
      this.clear = make("button", { type: "button" }, "No span");
      this.words = make("p", { id: `${id}-found` });
      this.list = make("ul", { class: "gw-row gw-find-units", "aria-labelledby": `${id}-found` });
      this.novel = make("button", { type: "button" }, "Where else in the training text?");
      this.progress = make("progress", { max: 1, value: 0, "aria-label": "Reading the training text" });
      this.where = make("p", {});
      this.longest = make("ol", {});
      this.contexts = make("div", { class: "gw-find-contexts", role: "region", tabindex: "0",
        "aria-label": "Stretches of the training text" }, this.longest);
      this.progress.hidden = this.contexts.hidden = true;
      this.element = make("details", { class: "gw-find" },
        make("summary", { class: "gw-strip-title" }, "Find the units of a span of the text"),
        make("p", { class: "gw-hint" },
          "Drag over the letters above the maps; on the keyboard, hold shift and press left or right; " +
          "with a finger, press “Choose a span” and tap its first and its last letter. The units below " +
          "are those whose mean |h| in the span exceeds that in the rest of the text by most. Some of " +
          "256 always do, by chance: the training text is the test."),
        make("div", { class: "gw-row" }, this.arm, this.clear, this.novel, this.progress),
        this.words, this.list, this.where, this.contexts);
      this.list.addEventListener("click", (event) => {
        const button = event.target.closest("button");
        if (button) choose(Number(button.value));
      });
      this.novel.addEventListener("click", () => this.read());
      onTheme(() => this.where.textContent && this.look());
    }

    /**
     * @param {string} text
     * @param {object[]} steps
     * @param {[number, number] | undefined} span
     * @param {number} unit
     * @param {number} at  the character, which stands for the span where there is none
     */
    show(text, steps, span, unit, at) {
      Object.assign(this, { unit });
      this.span = text && (span ?? [at, at]);
      this.clear.disabled = !span;
      this.words.textContent = span
        ? `Units with their mean |h| in the span “${visible(text.slice(span[0], span[1] + 1))}” and outside it:`
        : "No span is chosen.";
      const found = span ? active(steps, span) : [];
      if (this.list.children.length !== found.length) {
        this.list.replaceChildren(...found.map(() => make("li", {}, make("button", { type: "button" }))));
      }
      found.forEach((each, i) => {
        const button = this.list.children[i].firstChild;
        button.value = String(each.unit);
        button.setAttribute("aria-pressed", String(each.unit === unit));
        button.textContent = `unit ${each.unit + 1}: ${decimals(each.inside)}, ${decimals(each.outside)}`;
      });
      this.level = this.span
        ? mean(steps.slice(this.span[0], this.span[1] + 1).map(({ h }) => h[unit])) : 0;
      if (this.states) this.look();
    }

    /** @returns {string}  the span and its units */
    describe() {
      return [this.words, ...this.list.children].map(({ textContent }) => textContent).join(" ");
    }

    /** Read the training text once, in idle slices. */
    read() {
      const { text } = this.entry, { network } = this, size = network.numHiddens;
      const states = new Float32Array(text.length * size);
      let state = network.begin(), at = 0;
      this.novel.hidden = true;
      this.progress.hidden = false;
      const goOn = (/** @type {IdleDeadline | undefined} */ idle) => {
        const until = performance.now() + Math.min(SLICE, idle?.timeRemaining() || SLICE);
        do {
          state = network.step(text[at], state).h;
          states.set(state, size * at++);
        } while (at < text.length && performance.now() < until);
        this.progress.value = at / text.length;
        if (at < text.length) {
          later(goOn);
          return;
        }
        this.progress.hidden = true;
        Object.assign(this, { states, text });
        this.look();
      };
      later(goOn);
    }

    /** Show where in the training text the unit is as active as in the span. */
    look() {
      const { text, states, unit, level } = this, size = this.network.numHiddens;
      const values = new Float32Array(text.length);
      for (let i = 0; i < text.length; i++) values[i] = states[size * i + unit];
      const found = this.span ? stretches(values, level) : [];
      const number = found.reduce((sum, [from, to]) => sum + to - from + 1, 0);
      const longest = found.slice().sort((a, b) => b[1] - b[0] - a[1] + a[0]).slice(0, LISTED);
      this.contexts.hidden = !longest.length;
      this.where.textContent = !this.span ? "There is no character yet."
        : `At ${number.toLocaleString("en")} of ${text.length.toLocaleString("en")} characters of the ` +
          `training text, h of unit ${unit + 1} is ${level < 0 ? "at most" : "at least"} ` +
          `${decimals(level)}, its mean here.${number ? ` Most often at: ${frequent(text, found).join(", ")}; ` +
          "in brackets, the share in the whole text. The longest stretches:" : ""}`;
      this.longest.replaceChildren(...longest.map(([from, to]) => {
        const start = Math.max(0, from - AROUND), end = Math.min(text.length, to + 1 + AROUND);
        return coloured(text.slice(start, end), values.subarray(start, end), from - start,
          to + 1 - start);
      }));
    }
  }

  Object.assign(root.gruStrip ??= {}, { Finder });
})(globalThis);
