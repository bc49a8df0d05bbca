/**
 * Two widgets around the network with 256 units: the gate strip, which shows all gates and states
 * over a text, and "Two GRUs", which compares the two places of the reset gate.
 *
 * A classic script. It needs gru.js, parts.js, tour.js, find.js, frame.css and strip.css.
 */
(function (root) {
  "use strict";

  const { COLOURS, make, announcer, still, clamp, decimals, mean, onTheme, gradient, paint } =
    root.gruParts;

  /** Width of one character's column, in pixels; strip.css has it as --gw-column. */
  const COLUMN = 10;
  /** The character selected at the start: the end of "the time traveller". */
  const START = 18;
  /** After this many characters a half-life counts as endless. */
  const LONGEST = 100;
  const SHOWN = 8;

  /** Of the maps, these are open at the start. */
  const OPEN = "zh";
  const MAPS = [
    { symbol: "z", title: "update gate z (1 keeps)" },
    { symbol: "r", title: "reset gate r (0 hides)" },
    { symbol: "n", title: "candidate n" },
    { symbol: "h", title: "state h" },
  ];

  /** Characters and units on either side of the one in the middle of a lens. */
  const AROUND = 5;

  const EXAMPLES = [
    { label: "as in the book", text: "the time traveller for so it will be convenient to speak of him" },
    { label: "misquoted", text: "the time traveller for so it would be easier to call him" },
    { label: "about something else", text: "yesterday i bought a loaf of bread and two green apples" },
    { label: "one letter", text: "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" },
    { label: "in Latin", text: "gallia est omnis divisa in partes tres quarum unam incolunt belgae" },
  ];

  const SORTS = [
    { value: "trained", label: "as trained", score: () => 0 },
    { value: "gate", label: "by mean update gate, largest on top", score: (z) => z },
    {
      value: "hold",
      label: "by how long they hold on (characters until half is left)",
      score: halfLife,
    },
  ];

  /** What the colours behind the text show. */
  const BEHIND = [
    { value: "drives", label: "what drives the prediction" },
    { value: "unit", label: "the state h of the unit" },
  ];

  /** How far a piece of written text agrees with the training text. */
  const STEPS = [
    { from: 0, label: "under 6" },
    { from: 6, label: "6 to 11" },
    { from: 12, label: "12 to 23" },
    { from: 24, label: "24 and more" },
  ];

  const RESETS = [
    { value: "after", label: "after the product, as trained" },
    { value: "before", label: "before the product, same weights" },
  ];

  const WRITE = 40, CONTINUE = 50;
  /** Milliseconds from one written character to the next, and of work in one frame. */
  const PACE = 50, BUDGET = 8;
  let widgets = 0;

  // Words and numbers

  /**
   * Turn any text into one of the letters a to z and spaces.
   * @param {string} text
   * @param {number} length  the most characters
   */
  function clean(text, length) {
    return text.toLowerCase().replace(/[^a-z]/gu, " ").slice(0, length);
  }

  /** @param {number} share  from 0 to 1 */
  function percent(share) {
    if (share < 0.005) return "<1%";
    return share > 0.995 ? ">99%" : `${Math.round(100 * share)}%`;
  }

  /** @param {string} character  a token, or a character of a text */
  function spell(character) {
    return { " ": "space", "<unk>": "unknown" }[character] ?? character;
  }

  /** The number of characters until half of a value is left. @param {number} z */
  function halfLife(z) {
    return Math.min(LONGEST, Math.LN2 / Math.abs(Math.log(z)));
  }

  // Elements

  /**
   * Make a labelled text field with a hint below it.
   * @param {string} id
   * @param {string} value
   * @param {number} length  the most characters
   */
  function textField(id, value, length) {
    const input = make("input", {
      id, type: "text", value, maxlength: length,
      autocomplete: "off", autocapitalize: "off", spellcheck: "false",
      "aria-describedby": `${id}-hint`,
    });
    const hint = `Up to ${length} characters. Capitals become small letters; ` +
      "anything outside a to z becomes a space.";
    return {
      input,
      element: make("div", {},
        make("label", { for: id }, "Text to read"),
        input,
        make("p", { id: `${id}-hint`, class: "gw-hint" }, hint)),
    };
  }

  /**
   * Make a region that scrolls sideways and takes the keyboard.
   * @param {string} label
   * @param {...Node} children
   */
  function scroller(label, ...children) {
    return make("div", {
      class: "gw-strip-scroll", role: "region", tabindex: "0", "aria-label": label,
    }, make("div", { class: "gw-strip-stack" }, ...children));
  }

  // Colours and maps

  /** Give the legends of an element the colours of its maps. @param {HTMLElement} element */
  function colourLegends(element) {
    for (const kind of Object.keys(COLOURS)) {
      element.style.setProperty(`--gw-${kind}`, gradient(kind));
    }
  }

  /** A map of numbers in colour: a column for each character, a pixel's row for each unit. */
  class HeatMap {
    /**
     * @param {string} title
     * @param {"z" | "r" | "n" | "h"} kind  of its colours
     */
    constructor(title, kind) {
      this.kind = kind;
      this.canvas = make("canvas", { class: "gw-strip-canvas", role: "img" });
      this.title = make("span", {}, title);
      this.lane = make("div", { class: "gw-strip-lane gw-strip-map" }, this.canvas,
        make("i", { class: "gw-strip-span" }));
      this.caption = make("p", { class: "gw-strip-caption" }, this.title,
        make("span", { class: "gw-strip-scale" }, COLOURS[kind].least === 0 ? "0" : "−1",
          make("i", { class: "gw-inked", style: `background: var(--gw-${kind})` }), "1"));
    }

    /** @param {boolean} open */
    show(open) {
      this.caption.hidden = this.lane.hidden = !open;
    }

    /**
     * @param {Float64Array[]} columns  one for each character
     * @param {number[]} order  the units from the top
     */
    draw(columns, order) {
      const { canvas } = this;
      paint(canvas, columns, order, this.kind);
      Object.assign(canvas.style, { width: `${COLUMN * canvas.width}px`, height: `${order.length}px` });
      canvas.setAttribute("aria-label", this.describe(columns));
    }

    /** @param {Float64Array[]} columns */
    describe(columns) {
      if (!columns.length) return `${this.title.textContent}: empty.`;
      const least = Math.min(...columns.map((column) => Math.min(...column)));
      const most = Math.max(...columns.map((column) => Math.max(...column)));
      return `${this.title.textContent}: ${columns.length} characters by ${columns[0].length} ` +
        `units, from ${decimals(least)} to ${decimals(most)}, ` +
        `mean ${decimals(mean(columns.map(mean)))}.`;
    }
  }

  // Reading

  /** Reads texts, and of each only what is new since the one before. */
  class Reader {
    /**
     * @param {object} network  a gru.GRU
     * @param {"after" | "before"} [reset]
     */
    constructor(network, reset = "after") {
      this.network = network;
      this.reset = reset;
      this.text = "";
      this.steps = [];
    }

    /** Read a text; one may pause after each character. @param {string} text */
    *reading(text) {
      let same = 0;
      while (same < this.text.length && this.text[same] === text[same]) same++;
      this.steps = this.steps.slice(0, same);
      this.text = text.slice(0, same);
      for (const character of text.slice(same)) {
        const state = this.steps.at(-1)?.h ?? this.network.begin();
        this.steps.push(this.network.step(character, state, this.reset));
        this.text += character;
        yield;
      }
    }

    /** @param {string} text @returns {object[]}  the steps */
    read(text) {
      finish(this.reading(text));
      return this.steps;
    }

    /**
     * Go on from a text, as gru.GRU's write does; one may pause after each character.
     * @param {string} text  at least one character
     * @param {number} length
     * @param {number} [temperature]
     * @param {() => number} [random]
     * @returns {Generator<void, string>}  the added characters
     */
    *writing(text, length, temperature = 0, random = Math.random) {
      let added = "";
      while (added.length < length) {
        yield* this.reading(text + added);
        const token = root.gru.choose(this.steps.at(-1).logits, temperature, random);
        const character = this.network.tokens[token];
        added += character.length === 1 ? character : " ";
      }
      return added;
    }
  }

  /** Do all of a work that may pause. @param {Generator} work */
  function finish(work) {
    for (;;) {
      const { done, value } = work.next();
      if (done) return value;
    }
  }

  /** Does a work that may pause, a little in each frame; a new one takes the place of the old. */
  class InFrames {
    /** @param {Generator} work */
    start(work) {
      cancelAnimationFrame(this.frame);
      const goOn = () => {
        const until = performance.now() + BUDGET;
        while (performance.now() < until) if (work.next().done) return;
        this.frame = requestAnimationFrame(goOn);
      };
      this.frame = requestAnimationFrame(goOn);
    }
  }

  /** Make the network of a model's last snapshot. @param {object} entry */
  function network(entry) {
    const { params } = entry.snapshots.at(-1);
    const weights = root.gru.unpack(params, entry.numHiddens, entry.tokens.length);
    return new root.gru.GRU(weights, entry.tokens);
  }

  // The gate strip

  /** Writes on from the text and shows how much of it stands in the training text. */
  class Writer {
    /**
     * @param {string} id
     * @param {object} entry  of the model
     * @param {Reader} reader
     * @param {(text: string) => void} say
     * @param {() => void} grown  called when characters were written
     */
    constructor(id, entry, reader, say, grown) {
      Object.assign(this, { entry, reader, say, grown, text: "", written: "", timer: 0, left: 0 });
      this.button = make("button", { id: `${id}-write`, type: "button" }, "Write on");
      this.temperature = make("input", {
        id: `${id}-temperature`, type: "range", min: 0, max: 1.5, step: 0.1, value: 1,
      });
      this.heat = make("span", { class: "gw-strip-heat" });
      this.seed = make("input", {
        id: `${id}-seed`, type: "number", min: 0, max: 4294967295, step: 1, value: 1,
        class: "gw-strip-seed",
      });
      this.output = make("div", {
        id: `${id}-written`, class: "gw-strip-written", role: "region", tabindex: "0",
        "aria-label": "Written text",
      });
      this.counts = STEPS.map(() => make("span", { class: "gw-strip-count" }));
      this.controls = make("div", { class: "gw-row" },
        this.button,
        make("span", { class: "gw-row" },
          make("label", { for: `${id}-temperature` }, "Temperature"), this.temperature, this.heat),
        make("span", { class: "gw-row" },
          make("label", { for: `${id}-seed` }, "Seed"), this.seed));
      this.element = make("div", {}, this.output, this.legend());
      this.button.addEventListener("click", () => this.timer ? this.stop() : this.write());
      this.temperature.addEventListener("input", () => this.showTemperature());
      this.seed.addEventListener("input", () => {
        this.clear(this.text);
        this.grown();
      });
      this.showTemperature();
    }

    legend() {
      const items = STEPS.map(({ label }, step) => make("li", {},
        make("span", { class: `gw-strip-match-${step}` }, label), ": ", this.counts[step]));
      return make("div", { class: "gw-strip-legend gw-hint" },
        "Characters written, by the longest piece around them, yours included, that occurs in " +
        "the training text:",
        make("ul", {}, ...items));
    }

    showTemperature() {
      const value = this.temperature.valueAsNumber;
      this.heat.textContent = value.toFixed(1);
      this.temperature.setAttribute("aria-valuetext",
        value === 0 ? "0, takes the likeliest" : value.toFixed(1));
    }

    /** Begin again, from another text. @param {string} text */
    clear(text) {
      this.halt();
      this.text = text;
      this.written = "";
      this.random = root.gru.randomFrom(Math.trunc(this.seed.valueAsNumber || 0));
      this.show();
    }

    /** Write characters one by one, or at once for a reader who wants less motion. */
    write() {
      if (!this.text) {
        this.say(this.output.textContent);
        return;
      }
      this.left = WRITE;
      if (still()) {
        this.add(WRITE);
        this.stop();
        return;
      }
      this.button.textContent = "Stop";
      this.timer = setInterval(() => {
        this.add(1);
        if (!this.left) this.stop();
      }, PACE);
    }

    /** @param {number} length */
    add(length) {
      this.left -= length;
      this.written += finish(this.reader.writing(this.text + this.written, length,
        this.temperature.valueAsNumber, this.random));
      this.show();
      this.grown();
    }

    halt() {
      clearInterval(this.timer);
      this.timer = 0;
      this.button.textContent = "Write on";
    }

    stop() {
      this.halt();
      const added = this.written.slice(this.written.length - WRITE + this.left);
      const counts = this.show();
      this.say(`Wrote: ${added}. Of ${this.written.length} characters written, ` +
        `${counts[3]} stand in pieces of 24 and more.`);
    }

    /** @returns {number[]}  how many characters are of each step */
    show() {
      const { text, written, output } = this;
      const lengths = written
        ? root.gru.matches(text + written, this.entry.text).slice(text.length) : [];
      const steps = lengths.map((length) => STEPS.findLastIndex(({ from }) => length >= from));
      const counts = STEPS.map((_, step) => steps.filter((each) => each === step).length);
      this.counts.forEach((element, step) => { element.textContent = String(counts[step]); });
      output.replaceChildren(...this.pieces(steps));
      output.scrollTop = output.scrollHeight;
      return counts;
    }

    /** Split what is written where the step changes. @param {number[]} steps */
    pieces(steps) {
      if (!steps.length) {
        const words = this.text ? "Nothing is written yet." : "Type at least one character first.";
        return [make("span", { class: "gw-strip-muted" }, words)];
      }
      const pieces = [];
      for (let start = 0, end; start < steps.length; start = end) {
        end = start;
        while (steps[end] === steps[start]) end++;
        pieces.push(make("span", { class: `gw-strip-match-${steps[start]}` },
          this.written.slice(start, end)));
      }
      return pieces;
    }
  }

  /** Magnifies, for some maps, what is around one unit at one character, with the numbers there. */
  class Lens {
    /**
     * @param {{name: string, kind: "z" | "r" | "n" | "h"}[]} maps
     * @param {(right: number, down: number) => void} move  called when a glass is pressed
     */
    constructor(maps, move) {
      this.maps = maps;
      this.title = make("p", { class: "gw-strip-title" });
      this.numbers = maps.map(() => make("dd"));
      this.glasses = maps.map(() => make("canvas", { "aria-hidden": "true" }));
      this.element = make("div", { class: "gw-strip-lens" }, this.title,
        make("dl", {}, ...maps.map(({ name }, i) => make("div", {},
          make("dt", {}, name), this.numbers[i],
          make("dd", { class: "gw-strip-glass" }, this.glasses[i])))));
      this.element.addEventListener("click", (event) => {
        if (!this.glasses.includes(event.target)) return;
        const { left, top, width } = event.target.getBoundingClientRect();
        const cell = width / (2 * AROUND + 1);
        move(Math.floor((event.clientX - left) / cell) - AROUND,
          Math.floor((event.clientY - top) / cell) - AROUND);
      });
    }

    /**
     * @param {string} text
     * @param {Float64Array[][]} columns  for each map
     * @param {number} at  the character
     * @param {number[]} order  the units from the top
     * @param {number} rank  of the unit
     * @returns {string}  what it shows, in words
     */
    show(text, columns, at, order, rank) {
      const across = Array.from({ length: 2 * AROUND + 1 }, (_, i) => i - AROUND);
      const rows = across.map((down) => order[rank + down] ?? -1);
      this.title.textContent = text
        ? `Character ${at + 1} of ${text.length}, “${spell(text[at])}”, unit ${order[rank] + 1}`
        : "There is no character yet.";
      const values = this.maps.map(({ name, kind }, i) => {
        paint(this.glasses[i], across.map((right) => columns[i][at + right] ?? []), rows, kind);
        this.numbers[i].textContent = text ? decimals(columns[i][at][order[rank]]) : "–";
        return `${name} ${this.numbers[i].textContent}`;
      });
      return `${this.title.textContent}${text ? `: ${values.join(", ")}` : ""}`;
    }
  }

  /** Something with maps in a region, where the pointer and the keys select a character and a unit. */
  class Pointed {
    /** @param {HTMLElement} region */
    listenTo(region) {
      region.addEventListener("click", (event) => this.point(event));
      region.addEventListener("pointermove", (event) => {
        if (event.pointerType === "mouse") this.point(event, false);
      });
      region.addEventListener("keydown", (event) => this.key(event));
    }

    /** Mark a character and a unit. @param {number} at @param {number} unit */
    mark(at, unit) {
      this.at = at;
      this.unit = unit;
      this.region.style.setProperty("--gw-at", String(at));
      this.region.style.setProperty("--gw-row", String(this.order.indexOf(unit)));
    }

    /** Select another, so many characters and rows away. @param {number} right @param {number} down */
    move(right, down) {
      const rank = this.order.indexOf(this.unit) + down;
      this.select(this.at + right, this.order[clamp(rank, 0, this.order.length - 1)]);
      this.reveal();
    }

    /** Select what is under the pointer. @param {PointerEvent} event @param {boolean} [aloud] */
    point(event, aloud = true) {
      const lane = event.target.closest(".gw-strip-lane");
      if (!lane) return;
      const { left, top } = lane.getBoundingClientRect(), last = this.order.length - 1;
      const rank = lane.classList.contains("gw-strip-map") ? Math.floor(event.clientY - top)
        : this.order.indexOf(this.unit);
      const at = Math.floor((event.clientX - left) / COLUMN);
      this.select(at, this.order[clamp(rank, 0, last)], aloud);
    }

    /** @param {KeyboardEvent} event */
    key(event) {
      const by = {
        ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1],
        PageUp: [0, -16], PageDown: [0, 16], Home: [-Infinity, 0], End: [Infinity, 0],
      }[event.key];
      if (!by || event.altKey || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      this.move(...by);
    }

    /** Scroll the selected character into view. */
    reveal() {
      const left = COLUMN * this.at, { scrollLeft, clientWidth } = this.region;
      const most = left - COLUMN, least = left + 2 * COLUMN - clientWidth;
      this.region.scrollLeft = clamp(scrollLeft, least, Math.max(least, most));
    }
  }

  /** Shows one unit over the text, and what comes next. */
  class Panel {
    constructor() {
      this.chart = make("svg:svg", {
        class: "gw-strip-chart", role: "img", preserveAspectRatio: "none",
      });
      const next = make("p", { class: "gw-strip-title" }, "Likeliest next characters");
      this.bars = Array.from({ length: SHOWN }, () => ({
        name: make("span"), bar: make("i", { class: "gw-inked" }), share: make("span"),
      }));
      this.element = make("div", { class: "gw-strip-panel" },
        make("div", { class: "gw-strip-unit" },
          make("p", { class: "gw-strip-title" }, "This unit over the text"), this.plot()),
        make("div", { class: "gw-strip-next" }, next,
          make("ol", {}, ...this.bars.map(({ name, bar, share }) =>
            make("li", {}, name, make("span", { class: "gw-strip-track" }, bar), share)))));
    }

    plot() {
      const axis = ["1", "0", "−1"].map((label) => make("span", {}, label));
      return make("div", {},
        make("div", { class: "gw-strip-plot" },
          make("div", { class: "gw-strip-axis", "aria-hidden": "true" }, ...axis), this.chart),
        make("p", { class: "gw-strip-key" },
          make("span", { class: "gw-strip-key-z" }), "z, dashed",
          make("span", { class: "gw-strip-key-h" }), "h, solid"));
    }

    /**
     * @param {object[]} steps
     * @param {number} at  the character
     * @param {number} unit
     * @param {string[]} tokens
     * @returns {string}  the likeliest next character in words
     */
    show(steps, at, unit, tokens) {
      this.draw(steps, at, unit);
      return this.likeliest(steps[at], tokens);
    }

    /** Draw z and h of a unit. @param {object[]} steps @param {number} at @param {number} unit */
    draw(steps, at, unit) {
      const line = (/** @type {string} */ symbol) => make("svg:polyline", {
        class: `gw-strip-line-${symbol}`,
        points: steps.map((step, i) => `${i + 0.5},${1 - step[symbol][unit]}`).join(" "),
      });
      const x = at + 0.5, width = Math.max(1, steps.length);
      this.chart.setAttribute("viewBox", `0 -0.05 ${width} 2.1`);
      this.chart.setAttribute("aria-label", this.describe(steps, unit));
      this.chart.replaceChildren(
        make("svg:line", { class: "gw-strip-zero", x1: 0, x2: width, y1: 1, y2: 1 }),
        ...steps.length ? [make("svg:line", { class: "gw-strip-now", x1: x, x2: x, y1: 0, y2: 2 })]
          : [],
        line("z"), line("h"));
    }

    /** @param {object[]} steps @param {number} unit */
    describe(steps, unit) {
      if (!steps.length) return "Empty chart.";
      const range = (/** @type {string} */ symbol) => {
        const values = steps.map((step) => step[symbol][unit]);
        return `${symbol} from ${decimals(Math.min(...values))} to ` +
          `${decimals(Math.max(...values))}, mean ${decimals(mean(values))}`;
      };
      return `Unit ${unit + 1} over ${steps.length} characters: ${range("z")}; ${range("h")}.`;
    }

    /**
     * Show the likeliest characters.
     * @param {object | undefined} step
     * @param {string[]} tokens
     * @returns {string}  the first one in words
     */
    likeliest(step, tokens) {
      const shares = step ? root.gru.softmax(step.logits) : [];
      const order = Array.from(shares.keys()).sort((a, b) => shares[b] - shares[a]);
      this.bars.forEach(({ name, bar, share }, i) => {
        const token = order[i];
        name.textContent = step ? spell(tokens[token]) : "–";
        share.textContent = step ? percent(shares[token]) : "";
        bar.style.width = step ? `${100 * shares[token]}%` : "0";
      });
      return step ? `${spell(tokens[order[0]])}, ${percent(shares[order[0]])}` : "";
    }
  }

  /**
   * Shows which earlier characters drive the prediction after one: behind each letter the size of
   * the gradient of the loss of what comes next, with respect to the letter's one-hot input. Such an
   * input always sums to 1, so that the mean over the tokens is taken off first: what is left is
   * what an exchange of characters can change. On demand each one is exchanged.
   */
  class Influence {
    /** @param {object} network  a gru.GRU */
    constructor(network) {
      this.network = network;
      this.frames = new InFrames();
      this.shades = make("svg:svg", {
        class: "gw-strip-shades", "aria-hidden": "true", preserveAspectRatio: "none",
      });
      this.chart = make("svg:svg", {
        class: "gw-strip-losses", role: "img", preserveAspectRatio: "none", height: 32,
      });
      this.caption = make("p", { class: "gw-strip-caption" },
        "change of the loss if a space stood there, or an e for a space");
      this.button = make("button", { type: "button", "aria-pressed": "false" },
        "Exchange each character");
      this.words = make("p", { class: "gw-strip-words" });
      this.element = make("div", {},
        make("p", { class: "gw-strip-title" }, "Which earlier characters drive this prediction?"),
        this.words, this.button);
      this.button.addEventListener("click", () => this.exchange(this.chart.style.display === "none"));
      this.exchange(false);
    }

    /** Exchange characters, or stop doing so. @param {boolean} on */
    exchange(on) {
      this.button.setAttribute("aria-pressed", String(on));
      this.chart.style.display = on ? "" : "none";
      this.caption.hidden = !on;
      if (this.text !== undefined) this.look(this.text, this.steps, this.at);
    }

    /** @param {string} text @param {object[]} steps @param {number} at */
    look(text, steps, at) {
      Object.assign(this, { text, steps, at });
      this.frames.start(this.work());
    }

    *work() {
      const { text, at, network } = this, steps = this.steps.slice(0, at + 1);
      const last = steps.at(-1)?.logits, sizes = new Array(steps.length).fill(0);
      if (!last) {
        this.words.textContent = "There is no character yet.";
        this.drawShades(sizes);
        return;
      }
      const follows = network.ids.get(text[at + 1]), likeliest = last.indexOf(Math.max(...last));
      const target = follows ?? likeliest;
      let place = at;
      for (const gradient of network.backward(steps, target)) {
        const middle = mean(gradient);
        sizes[place--] = Math.hypot(...gradient.map((value) => value - middle));
        yield;
      }
      this.drawShades(sizes);
      this.words.textContent = this.describe(sizes, target, follows === undefined);
      if (this.caption.hidden) return;
      const loss = (/** @type {Float64Array} */ logits) =>
        -Math.log(root.gru.softmax(logits)[target]);
      const changes = new Array(steps.length).fill(0);
      for (place = at; place >= 0; place--) {
        let step, state = steps[place - 1]?.h ?? network.begin();
        for (const character of (text[place] === " " ? "e" : " ") + text.slice(place + 1, at + 1)) {
          step = network.step(character, state);
          state = step.h;
          yield;
        }
        changes[place] = loss(step.logits) - loss(last);
        this.drawChanges(changes);
      }
    }

    /** @param {number[]} sizes @param {number} target @param {boolean} guessed */
    describe(sizes, target, guessed) {
      const { text, at, network } = this;
      const name = (/** @type {string} */ token) => token === " " ? "a space" : `“${spell(token)}”`;
      const share = root.gru.softmax(this.steps[at].logits)[target];
      const order = Array.from(sizes.keys()).sort((a, b) => sizes[b] - sizes[a]).slice(0, 3);
      const most = order.map((place) => `${name(text[place])} ${at === place ? "itself"
        : `${at - place} before it`}`);
      return `${guessed ? "The likeliest character" : "What comes"} after ${name(text[at])} is ` +
        `${name(network.tokens[target])}: a loss of ${decimals(-Math.log(share))} nats. ` +
        `Its gradient is largest for ${most.join(", ")}. The shades behind the text show all.`;
    }

    /** @param {number[]} sizes */
    drawShades(sizes) {
      const most = Math.max(...sizes, 1e-30);
      this.shades.setAttribute("viewBox", `0 0 ${Math.max(1, sizes.length)} 1`);
      this.shades.style.width = `${COLUMN * sizes.length}px`;
      this.shades.replaceChildren(...sizes.map((size, x) => make("svg:rect", {
        x, y: 1 - size / most, width: 1, height: size / most, "fill-opacity": size / most,
      })));
    }

    /** @param {number[]} changes */
    drawChanges(changes) {
      const most = Math.max(...changes, 0.1), least = Math.min(...changes, -0.02 * most);
      this.chart.setAttribute("viewBox", `0 ${-most} ${changes.length} ${most - least}`);
      this.chart.style.width = `${COLUMN * changes.length}px`;
      this.chart.replaceChildren(...changes.map((change, x) => make("svg:rect", {
        x: x + 0.1, y: -Math.max(change, 0), width: 0.8, height: Math.abs(change), class: "gw-inked",
      })));
      const place = changes.indexOf(Math.max(...changes));
      this.chart.setAttribute("aria-label", "Change of the loss if a character is exchanged: largest " +
        `for “${spell(this.text[place])}”, character ${place + 1}, by ${decimals(changes[place])} nats.`);
    }
  }

  /** The gate strip. */
  class Strip extends Pointed {
    /** @param {object} entry  of the model */
    constructor(entry) {
      super();
      const id = `gw-strip-${++widgets}`;
      this.tokens = entry.tokens;
      this.units = Array.from({ length: entry.numHiddens }, (_, unit) => unit);
      this.reader = new Reader(network(entry));
      this.live = announcer();
      this.field = textField(`${id}-text`, EXAMPLES[0].text, 120);
      this.writer = new Writer(id, entry, this.reader, this.live.say, () => this.grow());
      this.maps = MAPS.map(({ title, symbol }) => new HeatMap(title, symbol));
      this.lens = new Lens(MAPS.map(({ symbol }) => ({ name: symbol, kind: symbol })),
        (right, down) => this.move(right, down));
      this.panel = new Panel();
      this.influence = new Influence(this.reader.network);
      this.finder = new root.gruStrip.Finder(id, entry, this.reader.network, (unit) => this.select(this.at, unit));
      this.tour = new root.gruStrip.Tour(this);
      this.band = make("canvas", { class: "gw-strip-band", "aria-hidden": "true" });
      this.behind = make("select", { id: `${id}-behind` },
        ...BEHIND.map(({ value, label }) => make("option", { value }, label)));
      this.link = make("button", { type: "button" }, "Copy link");
      this.letters = make("div", { class: "gw-strip-lane gw-strip-letters" });
      this.region = this.makeRegion(id);
      this.sort = make("select", { id: `${id}-sort` },
        ...SORTS.map(({ value, label }) => make("option", { value }, label)));
      this.toggles = MAPS.map(({ symbol, title }) => make("button", {
        type: "button", "aria-label": title, class: "gw-strip-toggle",
        style: `--gw-hue: var(--gw-${symbol})`,
      }, symbol, make("i", { class: "gw-inked" })));
      this.element = make("div", { class: "gw-strip" },
        this.field.element, this.examples(), this.writer.controls, this.choices(),
        make("div", { class: "gw-row" }, this.tour.button, this.link), this.tour.box,
        make("div", {}, this.region, this.lens.element),
        this.influence.element, this.panel.element, this.finder.element, this.writer.element, this.hints(id),
        this.live.element);
      this.begin();
      this.listen();
      this.read();
      this.live.say(""); // a page that opens is quiet
    }

    /** What is chosen at the start. */
    begin() {
      this.at = START - 1;
      this.unit = this.units.length / 2;
      this.sort.value = SORTS[0].value;
      MAPS.forEach(({ symbol }, i) => this.open(i, OPEN.includes(symbol)));
      this.influence.exchange(false);
      this.behind.value = BEHIND[0].value;
      this.choose(false, false);
    }

    reset() {
      this.tour.close();
      this.finder.element.open = false;
      this.field.input.value = EXAMPLES[0].text;
      this.writer.temperature.value = this.writer.seed.value = "1";
      this.writer.showTemperature();
      this.begin();
      this.read();
    }

    /**
     * Show what an address says; what it leaves out is as at the start.
     * @param {URLSearchParams} state
     */
    set(state) {
      const number = (/** @type {string} */ name, /** @type {number} */ start) =>
        Math.round(Number(state.get(name) ?? NaN) || start);
      this.begin();
      this.look("");
      this.field.input.value = clean(state.get("text") ?? EXAMPLES[0].text, 120);
      this.at = number("at", START) - 1;
      this.unit = clamp(number("unit", this.unit + 1), 1, this.units.length) - 1;
      const maps = state.get("maps") ?? OPEN;
      MAPS.forEach(({ symbol }, i) => this.open(i, maps.includes(symbol)));
      for (const [select, name] of [[this.sort, "order"], [this.behind, "behind"]]) {
        if ([...select.options].some(({ value }) => value === state.get(name))) select.value = state.get(name);
      }
      this.read();
      const [from, to] = /^(\d+)-(\d+)$/.exec(state.get("span") ?? "")?.slice(1).map(Number) ?? [];
      if (from >= 1 && from <= to && to <= this.text.length) this.choose([from - 1, to - 1]);
      this.reveal();
    }

    /** What an address says of this state. */
    state() {
      const { text, at, unit, span } = this;
      return new URLSearchParams({
        text, at: at + 1, unit: unit + 1,
        maps: MAPS.filter((_, i) => !this.maps[i].lane.hidden).map(({ symbol }) => symbol).join(""),
        order: this.sort.value, behind: this.behind.value,
        ...span && { span: `${span[0] + 1}-${span[1] + 1}` },
      });
    }

    /** Follow an address: a state, or a step of the tour. @param {URLSearchParams} state @param {boolean} scroll */
    follow(state, scroll) {
      if (/^[1-6]$/.test(state.get("tour"))) this.tour.go(state.get("tour") - 1);
      else {
        this.tour.close();
        this.set(state);
        this.finder.element.open = Boolean(this.span);
      }
      if (!scroll) return;
      (this.tour.box.hidden ? this.region : this.tour.box).scrollIntoView({ behavior: "instant" });
      this.region.focus({ preventScroll: true });
    }

    /** Put the state into the address, and copy that. */
    async share() {
      const address = new URL(location.href);
      address.hash = `strip?${this.state()}`;
      history.replaceState({ ...history.state, seen: true }, "", address);
      let words = "Copied";
      await navigator.clipboard?.writeText(address.href).catch(() => { words = "In the address bar"; });
      this.link.textContent = navigator.clipboard ? words : "In the address bar";
      this.live.say(`Link: ${this.link.textContent}`);
      setTimeout(() => { this.link.textContent = "Copy link"; }, 2000);
    }

    /** Outline what the tour speaks of. @param {string} name */
    look(name) {
      const parts = { letters: this.letters, next: this.panel.bars[0].name.closest(".gw-strip-next") };
      MAPS.forEach(({ symbol }, i) => { parts[symbol] = this.maps[i].lane; });
      for (const [each, part] of Object.entries(parts)) part.classList.toggle("gw-strip-lit", each === name);
    }

    /**
     * Choose a span of the text, or none.
     * @param {[number, number] | false} span  two characters, in any order
     * @param {boolean} [aloud]
     */
    choose(span, aloud = true) {
      this.span = span && this.text ? [Math.min(...span), Math.max(...span)] : undefined;
      if (!this.span) this.anchor = undefined;
      const [from, to] = this.span ?? [0, -1];
      this.region.style.setProperty("--gw-from", String(from));
      this.region.style.setProperty("--gw-many", String(to - from + 1));
      this.region.classList.toggle("gw-strip-spanned", Boolean(this.span));
      if (!this.text) return;
      this.showUnits();
      if (aloud) this.live.say(() => this.finder.describe());
    }

    /** Find the units of a span. @param {[number, number]} span @param {boolean} [aloud] */
    find(span, aloud = true) {
      this.finder.element.open = true;
      this.choose(span, aloud);
    }

    /** Show which units are active in the span, once a frame. */
    showUnits() {
      cancelAnimationFrame(this.frame);
      this.frame = requestAnimationFrame(() =>
        this.finder.show(this.text, this.steps, this.span, this.unit, this.at));
    }

    /** Shift and an arrow extend the span. @param {KeyboardEvent} event */
    key(event) {
      if (event.key === "Shift") return;
      const anchor = event.shiftKey && /^(Arrow(Left|Right)|Home|End)$/.test(event.key)
        ? this.anchor ?? this.at : undefined;
      super.key(event);
      this.anchor = anchor;
      if (anchor !== undefined) this.find([anchor, this.at]);
      if (event.key === "Escape") this.choose(false);
    }

    /** Two clicks choose a span once this is asked for; a mouse drags over the letters. */
    listenToSpans() {
      const { arm, clear } = this.finder;
      /** @type {number | undefined} */
      let first, dragged;
      const wait = (/** @type {boolean} */ on) => {
        first = undefined;
        arm.setAttribute("aria-pressed", String(on));
      };
      arm.addEventListener("click", () => {
        wait(arm.getAttribute("aria-pressed") !== "true");
        if (arm.getAttribute("aria-pressed") === "true") this.region.scrollIntoView({ behavior: "instant" });
      });
      clear.addEventListener("click", () => this.choose(false));
      this.region.addEventListener("click", () => {
        if (arm.getAttribute("aria-pressed") !== "true") return;
        const start = first ?? this.at;
        if (first !== undefined) wait(false);
        else first = start;
        this.find([start, this.at]);
      });
      this.letters.addEventListener("pointerdown", (event) => {
        if (event.pointerType !== "mouse" || event.button) return;
        this.point(event, false);
        dragged = this.at;
      });
      this.region.addEventListener("pointermove", (event) => {
        if (!(event.buttons & 1)) dragged = undefined;
        if (dragged !== undefined && dragged !== this.at) this.find([dragged, this.at], false);
      });
    }

    examples() {
      return make("div", { class: "gw-row gw-strip-examples", role: "group", "aria-label": "Examples" },
        ...EXAMPLES.map(({ label, text }) => {
          const button = make("button", { type: "button" }, label);
          button.addEventListener("click", () => this.type(text));
          return button;
        }));
    }

    choices() {
      return make("div", { class: "gw-row" },
        make("span", { class: "gw-row", role: "group", "aria-label": "Maps" }, "Maps", ...this.toggles),
        make("span", { class: "gw-row" },
          make("label", { for: this.sort.id }, "Order of the units"), this.sort),
        make("span", { class: "gw-row" },
          make("label", { for: this.behind.id }, "Behind the text"), this.behind));
    }

    /** @param {string} id */
    hints(id) {
      return make("div", { class: "gw-hint" },
        make("p", { id: `${id}-keys` },
          "Point at the maps or tap them; a tap into a lens goes to a unit beside. On the keyboard, " +
          "left and right choose the character, up and down the unit, page up and page down " +
          "sixteen units. The numbered words in the text of this page set these maps to what they speak of."),
        make("p", {},
          "At an update gate z, half of a unit’s value is left after ln 2 ÷ −ln z characters; the " +
          `order takes this as at most ${LONGEST} and averages it over the text.`));
    }

    /** @param {string} id */
    makeRegion(id) {
      const region = scroller("Gates and state: a column a character, a row a unit",
        this.letters, this.influence.caption, this.influence.chart, ...this.maps.flatMap(({ caption, lane }) => [caption, lane]));
      region.id = `${id}-maps`;
      region.setAttribute("aria-describedby", `${id}-keys`);
      return region;
    }

    listen() {
      this.field.input.addEventListener("input", () => this.type(this.field.input.value));
      this.sort.addEventListener("change", () => {
        this.draw();
        this.select(this.at, this.unit);
        this.live.say(`Units ordered ${this.sort.selectedOptions[0].textContent}.`);
      });
      this.toggles.forEach((toggle, i) => toggle.addEventListener("click", () => {
        this.open(i, toggle.getAttribute("aria-pressed") !== "true");
        this.draw();
      }));
      this.behind.addEventListener("change", () => this.select(this.at, this.unit, false));
      this.link.addEventListener("click", () => this.share());
      this.listenTo(this.region);
      this.listenToSpans();
      onTheme(() => {
        this.draw();
        this.select(this.at, this.unit, false);
      });
    }

    /** Open or close a map. @param {number} i @param {boolean} open */
    open(i, open) {
      this.toggles[i].setAttribute("aria-pressed", String(open));
      this.maps[i].show(open);
      this.lens.glasses[i].parentElement.classList.toggle("gw-strip-closed", !open);
    }

    /** Read another text, and go to its end. @param {string} text */
    type(text) {
      if (this.field.input.value !== text) this.field.input.value = text;
      this.at = Infinity;
      this.tour.close();
      this.choose(false);
      this.read();
      this.reveal();
    }

    /** Read the text of the field. */
    read() {
      this.typed = clean(this.field.input.value, 120);
      this.writer.clear(this.typed);
      this.update();
    }

    /** Show what is read and what was written after it. */
    update() {
      const { written } = this.writer;
      this.text = this.typed + written;
      this.steps = this.reader.read(this.text);
      if (this.span?.[1] >= this.text.length) this.choose(false, false);
      this.letters.replaceChildren(this.influence.shades, this.band, this.typed, make("b", {}, written),
        make("i", { class: "gw-strip-span" }));
      this.draw();
      this.select(this.at, this.unit);
    }

    /** Follow what is written. */
    grow() {
      this.at = Infinity;
      this.update();
      this.live.say(""); // the writer speaks at its end
      this.reveal();
    }

    /** Draw the maps. */
    draw() {
      colourLegends(this.element);
      this.order = this.sorted();
      MAPS.forEach(({ symbol }, i) => {
        if (!this.maps[i].lane.hidden) {
          this.maps[i].draw(this.steps.map((step) => step[symbol]), this.order);
        }
      });
    }

    /** @returns {number[]}  the units from the top; what is written does not stir them */
    sorted() {
      const { score } = SORTS.find(({ value }) => value === this.sort.value);
      const steps = this.steps.slice(0, this.typed.length);
      const scores = this.units.map((unit) => mean(steps.map(({ z }) => score(z[unit]))));
      return steps.length ? this.units.slice().sort((a, b) => scores[b] - scores[a]) : this.units;
    }

    /** @param {number} at  the character @param {number} unit @param {boolean} [aloud] */
    select(at, unit, aloud = true) {
      this.mark(clamp(at, 0, Math.max(0, this.text.length - 1)), unit);
      this.element.classList.toggle("gw-strip-empty", !this.text);
      const columns = MAPS.map(({ symbol }) => this.steps.map((step) => step[symbol]));
      const words = this.lens.show(this.text, columns, this.at, this.order, this.order.indexOf(unit));
      const next = this.panel.show(this.steps, this.at, unit, this.tokens);
      this.influence.look(this.text, this.steps, this.at);
      this.region.classList.toggle("gw-strip-by-unit", this.behind.value === "unit");
      paint(this.band, this.steps.map(({ h }) => [h[unit]]), [0], "h");
      this.band.style.width = `${COLUMN * this.steps.length}px`;
      if (aloud) this.showUnits();
      if (aloud) this.live.say(next ? `${words}. Likeliest next: ${next}.` : words);
    }
  }

  // Two GRUs

  /**
   * Draw a bar for each number, from 0 to 2.
   * @param {SVGElement} chart
   * @param {number[]} values
   */
  function drawBars(chart, values) {
    chart.setAttribute("viewBox", `0 0 ${Math.max(1, values.length)} 2`);
    chart.style.width = `${COLUMN * Math.max(1, values.length)}px`;
    chart.replaceChildren(...values.map((value, x) =>
      make("svg:rect", { x: x + 0.1, y: 2 - value, width: 0.8, height: value, class: "gw-inked" })));
    chart.setAttribute("aria-label", values.length
      ? `Largest difference at each of ${values.length} characters: from ` +
        `${decimals(Math.min(...values))} to ${decimals(Math.max(...values))}.`
      : "No differences.");
  }

  /** The largest difference between two states. @param {object} one @param {object} other */
  function difference(one, other) {
    return one.h.reduce((most, value, i) => Math.max(most, Math.abs(value - other.h[i])), 0);
  }

  /** The place where two texts of the same length part, or -1. @param {string[]} texts */
  function parting([one, other]) {
    return Array.from(one).findIndex((character, i) => character !== other[i]);
  }

  /** One network with its reset gate in two places. */
  class Two extends Pointed {
    /** @param {object} entry  of the model */
    constructor(entry) {
      super();
      const id = `gw-two-${++widgets}`, gru = network(entry);
      this.order = Array.from({ length: entry.numHiddens }, (_, unit) => unit);
      this.at = START - 1;
      this.unit = entry.numHiddens / 2;
      this.frames = new InFrames();
      this.readers = RESETS.map(({ value }) => new Reader(gru, value));
      this.live = announcer();
      this.field = textField(`${id}-text`, "time traveller", 60);
      this.summary = make("p", { id: `${id}-summary`, class: "gw-two-summary" });
      this.lines = RESETS.map(() => make("div", { class: "gw-strip-letters gw-two-line" }));
      this.map = new HeatMap("state h", "h");
      this.chart = make("svg:svg", {
        class: "gw-two-bars", role: "img", preserveAspectRatio: "none",
      });
      this.radios = RESETS.map(({ value }, i) => make("input", {
        id: `${id}-${value}`, type: "radio", name: id, value, ...i === 0 && { checked: "" },
      }));
      this.lens = new Lens(RESETS.map(({ value }) => ({ name: `h, ${value}`, kind: "h" })),
        (right, down) => this.move(right, down));
      this.region = this.makeRegion(id);
      this.element = make("div", { class: "gw-strip gw-two" },
        this.field.element, this.summary, this.choice(),
        make("div", {}, this.region, this.lens.element),
        make("p", { class: "gw-hint" },
          "Point at the map or tap it; on the keyboard, arrows choose the character and the unit."),
        this.live.element);
      this.listenTo(this.region);
      this.field.input.addEventListener("input", () => this.begin());
      this.radios.forEach((radio) => radio.addEventListener("change", () => this.choose()));
      onTheme(() => {
        this.draw();
        this.select(this.at, this.unit, false);
      });
      finish(this.read());
      this.live.say("");
    }

    reset() {
      this.field.input.value = "time traveller";
      this.radios[0].checked = true;
      Object.assign(this, { at: START - 1, unit: this.order.length / 2 });
      this.begin();
    }

    /** Read the text of the field, a little in each frame, so that typing never waits. */
    begin() {
      this.frames.start(this.read());
    }

    choice() {
      const choices = RESETS.map(({ label }, i) => make("span", { class: "gw-two-choice" },
        this.radios[i], make("label", { for: this.radios[i].id }, label)));
      return make("fieldset", {}, make("legend", {}, "State shown: the reset gate acts"),
        ...choices);
    }

    /** @param {string} id */
    makeRegion(id) {
      const caption = (/** @type {string} */ text) =>
        make("p", { class: "gw-strip-caption" }, text);
      const region = scroller("The two texts, the state and the differences",
        ...RESETS.flatMap(({ label }, i) => [
          caption(`reset gate ${label}`), this.lines[i],
        ]),
        this.map.caption, this.map.lane,
        caption("largest difference between the two states (0 to 2)"), this.chart);
      region.id = `${id}-region`;
      return region;
    }

    /** Read the text of the field with both, go on from it, and show that; one may pause. */
    *read() {
      const text = clean(this.field.input.value, 60), added = [], steps = [];
      for (const reader of this.readers) added.push(text && (yield* reader.writing(text, CONTINUE)));
      for (const reader of this.readers) {
        yield* reader.reading(text + added[0]);
        steps.push(reader.steps);
      }
      Object.assign(this, { text, added, steps });
      this.differences = this.steps[0].map((step, i) => difference(step, this.steps[1][i]));
      this.part = parting(this.added);
      this.lines.forEach((line, i) => line.replaceChildren(...this.pieces(this.added[i])));
      this.summary.textContent = this.describe();
      this.live.say(this.summary.textContent);
      drawBars(this.chart, this.differences);
      this.draw();
      this.select(this.at, this.unit, false);
    }

    /** @param {number} at  the character @param {number} unit @param {boolean} [aloud] */
    select(at, unit, aloud = true) {
      const text = this.text + this.added[0];
      this.mark(clamp(at, 0, Math.max(0, text.length - 1)), unit);
      this.element.classList.toggle("gw-strip-empty", !text);
      const columns = this.steps.map((steps) => steps.map(({ h }) => h));
      const words = this.lens.show(text, columns, this.at, this.order, this.order.indexOf(unit));
      if (aloud) this.live.say(words);
    }

    /** The typed text and what follows it, marked where the two part. @param {string} added */
    pieces(added) {
      const at = this.part < 0 ? added.length : this.part;
      const mark = at < added.length ? [make("mark", {}, added[at])] : [];
      return [
        make("span", { class: "gw-two-typed" }, this.text),
        make("span", {}, added.slice(0, at), ...mark, added.slice(at + 1)),
      ];
    }

    describe() {
      if (!this.text) return "Type at least one character.";
      const most = Math.max(...this.differences), at = this.differences.indexOf(most) + 1;
      const part = this.part < 0 ? `They write the same ${CONTINUE} characters.`
        : `They part at character ${this.part + 1} of the ${CONTINUE} they write.`;
      return `${part} Over the first text, the largest difference between their states is ` +
        `${decimals(mean(this.differences))} on average and ${decimals(most)} at the most, ` +
        `at character ${at} of ${this.differences.length}.`;
    }

    /** Draw the state of the chosen one. */
    draw() {
      const chosen = this.radios.findIndex((radio) => radio.checked);
      colourLegends(this.element);
      this.map.title.textContent = `state h, ${RESETS[chosen].value} the product, ` +
        "over the first text";
      this.map.draw(this.steps[chosen].map(({ h }) => h), this.order);
    }

    choose() {
      this.draw();
      this.live.say(this.map.canvas.getAttribute("aria-label"));
    }
  }

  /**
   * The gate strip: gates, candidate and state of all units over a text.
   * @param {Record<string, object>} models  needs "gru-256"
   */
  const strip = (models) => made(new Strip(models["gru-256"]));

  /**
   * Two GRUs: the same weights with the reset gate after the product and before it.
   * @param {Record<string, object>} models  needs "gru-256"
   */
  const two = (models) => made(new Two(models["gru-256"]));

  const made = (/** @type {Strip | Two} */ widget) => ({
    element: widget.element, reset: () => widget.reset(),
    follow: (state, scroll) => widget.follow?.(state, scroll),
  });

  Object.assign(root.gruWidgets ??= {}, { strip, two });
})(globalThis);
