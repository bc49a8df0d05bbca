/**
 * The network of the front page: letters, how much each surprised it, what it would write next, and
 * all its update gates.
 *
 * It loads the weights once a reader touches it; until then the still figure stays.
 * A classic script. It needs gru.js, parts.js and front.css.
 */
(function (root) {
  "use strict";

  const { make, announcer, decimals, mean, onTheme, paint } = root.gruParts;

  /** The most characters of a text. */
  const LONGEST = 200;
  const START = "the time traveller";
  /** Widths of one character, in pixels. */
  const COLUMN = 10.5;

  const ORDERS = {
    after: "after the product, as it was trained",
    before: "before the product, with the same weights",
  };

  /** What a reader can try: a text, and what becomes of it. */
  const TRIALS = [
    {
      name: "A seam",
      text: "a mathematical line a line of thickness nil has no real ex",
      after: "It knows the page by heart, but in no epoch did training ask for the space after “no”: " +
        "the sampler of 2019 left it out.",
    },
    {
      name: "Out of another book",
      text: "it was the best of times the time traveller for so it wi",
      after: "It is lost in another novel, and takes some letters of its own to find the place again.",
    },
    {
      name: "The other formula",
      text: "the time traveller",
      order: "before",
      after: "The same weights in the formula of the paper's last version write another text.",
    },
  ];

  /** @param {string} text */
  function clean(text) {
    return text.toLowerCase().replace(/[^a-z]/gu, " ").slice(0, LONGEST);
  }

  /** @param {string} character */
  function spell(character) {
    return character === " " ? "a space" : `“${character}”`;
  }

  class Front {
    /** @param {Node} picture  what is seen until a reader touches it */
    constructor(picture) {
      this.order = "after";
      this.input = make("input", {
        type: "text", id: "front-text", value: START, maxlength: LONGEST,
        autocomplete: "off", autocapitalize: "off", spellcheck: "false",
      });
      this.trials = TRIALS.map((trial) => {
        const button = make("button", { type: "button" }, trial.name);
        button.addEventListener("click", () => this.wake().then(() => this.attempt(trial)));
        return button;
      });
      this.letters = make("div", { class: "gw-front-letters", "aria-hidden": "true" });
      this.canvas = make("canvas", { role: "img" });
      this.live = announcer();
      this.said = make("p", { class: "gw-front-said" });
      this.view = make("div", { class: "gw-front-view" }, picture);
      this.input.addEventListener("focus", () => this.wake());
      this.input.addEventListener("input", () => {
        this.order = "after";
        this.wake().then(() => this.draw());
      });
      this.element = make("div", { class: "gw-front" },
        make("label", { for: "front-text", class: "visually-hidden" }, "Text to read"), this.input,
        make("div", { class: "gw-row", role: "group", "aria-label": "Try" },
          make("span", {}, "Or try:"), ...this.trials),
        this.view, this.said, this.live.element);
    }

    /** Load the network, once, and put the live view in the place of the still figure. */
    wake() {
      this.woken ??= root.gruLoad("gru-256-weights.js").then(() => {
        const { GRU, unpack } = root.gru, entry = root.gruModels["gru-256"];
        const params = unpack(entry.snapshots[0].params, entry.numHiddens, entry.tokens.length);
        this.network = new GRU(params, entry.tokens);
        const read = this.network.read(this.input.value);
        const held = Float64Array.from({ length: entry.numHiddens },
          (_, unit) => mean(read.map(({ z }) => z[unit])));
        this.units = [...held.keys()].sort((a, b) => held[b] - held[a]);
        this.view.replaceChildren(this.letters, this.canvas);
        new ResizeObserver(() => this.draw()).observe(this.view);
        onTheme(() => this.draw());
        this.draw();
      }, (error) => { this.said.textContent = `This figure stays still: ${error.message}.`; });
      return this.woken;
    }

    reset() {
      this.order = "after";
      this.input.value = START;
      this.draw();
    }

    /** @param {(typeof TRIALS)[number]} trial */
    attempt(trial) {
      this.order = trial.order ?? "after";
      this.input.value = trial.text;
      this.draw(trial.after);
    }

    /** @param {string} [note]  what to say of it */
    draw(note = "") {
      if (!this.network) return;
      const seen = Math.max(28, Math.min(64, Math.floor(this.view.clientWidth / COLUMN)));
      const text = clean(this.input.value), steps = this.network.read(text, this.order);
      const bits = [...text].map((character, i) => i === 0 ? 0 : this.surprise(steps[i - 1], character));
      const first = Math.max(0, text.length - Math.round(0.75 * seen));
      const added = this.writeOn(steps, seen - (text.length - first));
      const letters = [...text].slice(first).map((character, i) => make("span", {
        style: `--bits: ${Math.min(10, bits[first + i]).toFixed(2)}`,
        class: bits[first + i] > 4 ? "gw-front-wrong" : "",
      }, character === " " ? "\u00a0" : character));
      letters.push(...added.text.split("").map((character) =>
        make("i", {}, character === " " ? "\u00a0" : character)));
      this.letters.replaceChildren(...letters);
      paint(this.canvas, [...steps.slice(first), ...added.steps].map(({ z }) => z), this.units, "z");
      this.canvas.setAttribute("aria-label",
        `Update gates of ${this.units.length} units over ${seen} characters.`);
      this.note = note || (this.noted === this.input.value + this.order ? this.note : "");
      this.noted = this.input.value + this.order;
      const worst = bits.indexOf(Math.max(0, ...bits));
      const surprise = text.length < 2 ? "" :
        `Surprise: ${decimals(mean(bits.slice(1)), 1)} bits a letter, the most, ` +
        `${decimals(bits[worst], 0)}, at ${spell(text[worst])} after ` +
        `“${text.slice(Math.max(0, worst - 8), worst)}”.`;
      this.said.textContent = `${this.note} Reset gate ${ORDERS[this.order]}. ${surprise}`.trim();
      this.live.say(`It goes on: ${added.text.trim()}. ${this.said.textContent}`);
    }

    /** The bits by which a character surprised it after a step. */
    surprise(step, character) {
      const p = root.gru.softmax(step.logits)[this.network.ids.get(character) ?? 0];
      return -Math.log2(Math.max(p, 1e-12));
    }

    /** Add the likeliest characters. */
    writeOn(steps, length) {
      const { network, order } = this, added = { text: "", steps: [] };
      let step = steps.at(-1) ?? network.step(" ", network.begin(), order);
      while (added.text.length < length) {
        const character = network.tokens[root.gru.choose(step.logits, 0)];
        added.text += character.length === 1 ? character : " ";
        step = network.step(added.text.at(-1), step.h, order);
        added.steps.push(step);
      }
      return added;
    }
  }

  /** The network of the front page. */
  function front() {
    const picture = document.querySelector("[data-widget=front] figure > :first-child");
    const made = new Front(picture.cloneNode(true));
    return { element: made.element, reset: () => made.reset() };
  }

  Object.assign(root.gruWidgets ??= {}, { front });
})(globalThis);
