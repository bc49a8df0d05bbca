/**
 * Two widgets around the network with 256 units: the gate strip, which shows all gates and states
 * over a text, and "Two GRUs", which compares the two places of the reset gate.
 *
 * A classic script. It needs gru.js, parts.js and strip.css.
 */
(function (root) {
  "use strict";

  const { COLOURS, make, announcer, decimals, mean, onTheme, gradient, paint } = root.gruParts;

  /** Width of one character's column, in pixels; strip.css has it as --gw-column. */
  const COLUMN = 10;
  /** The character selected at the start: the end of "the time traveller". */
  const START = 18;
  /** After this many characters a half-life counts as endless. */
  const LONGEST = 100;
  const SHOWN = 8;

  const MAPS = [
    { symbol: "z", title: "update gate z (1 keeps)", colours: "gate" },
    { symbol: "r", title: "reset gate r (0 hides)", colours: "gate" },
    { symbol: "n", title: "candidate n", colours: "value" },
    { symbol: "h", title: "state h", colours: "value" },
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

  /** @param {number} value @param {number} least @param {number} most */
  function clamp(value, least, most) {
    return Math.max(least, Math.min(most, value));
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
      id, type: "text", value, maxlength: length, class: "gw-strip-text",
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
        make("p", { id: `${id}-hint`, class: "gw-strip-hint" }, hint)),
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

  /** A map of numbers in colour: a column for each character, a row for each unit. */
  class HeatMap {
    /**
     * @param {string} title
     * @param {"gate" | "value"} colours
     */
    constructor(title, colours) {
      this.kind = colours;
      this.canvas = make("canvas", { class: "gw-strip-canvas", role: "img" });
      this.title = make("span", {}, title);
      this.lane = make("div", { class: "gw-strip-lane gw-strip-map" }, this.canvas);
      this.caption = make("p", { class: "gw-strip-caption" }, this.title,
        make("span", { class: `gw-strip-scale gw-strip-scale-${colours}` },
          COLOURS[colours].least === 0 ? "0" : "−1", make("i"), "1"));
    }

    /**
     * @param {Float64Array[]} columns  one for each character
     * @param {number[]} order  the units from the top
     */
    draw(columns, order) {
      const { canvas } = this;
      paint(canvas, columns, order, this.kind);
      canvas.style.width = `${COLUMN * canvas.width}px`;
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

    /** @param {string} text */
    read(text) {
      let same = 0;
      while (same < this.text.length && this.text[same] === text[same]) same++;
      const steps = this.steps.slice(0, same);
      for (const character of text.slice(same)) {
        const state = steps.at(-1)?.h ?? this.network.begin();
        steps.push(this.network.step(character, state, this.reset));
      }
      this.text = text;
      this.steps = steps;
      return steps;
    }

    /**
     * Go on from a text, as gru.GRU's write does.
     * @param {string} text  at least one character
     * @param {number} length
     * @param {number} [temperature]
     * @param {() => number} [random]
     * @returns {string}  the added characters
     */
    write(text, length, temperature = 0, random = Math.random) {
      let added = "";
      while (added.length < length) {
        const { logits } = this.read(text + added).at(-1);
        const token = this.network.tokens[root.gru.choose(logits, temperature, random)];
        added += token.length === 1 ? token : " ";
      }
      return added;
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
     */
    constructor(id, entry, reader, say) {
      Object.assign(this, { entry, reader, say, text: "", written: "" });
      this.button = make("button", { id: `${id}-write`, type: "button", class: "gw-strip-button" },
        "Write on");
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
      this.element = make("div", {}, this.controls(id), this.output, this.legend());
      this.button.addEventListener("click", () => this.write());
      this.temperature.addEventListener("input", () => this.showTemperature());
      this.seed.addEventListener("input", () => this.clear(this.text));
      this.showTemperature();
    }

    /** @param {string} id */
    controls(id) {
      return make("div", { class: "gw-strip-controls" },
        this.button,
        make("span", { class: "gw-strip-control" },
          make("label", { for: `${id}-temperature` }, "Temperature"), this.temperature, this.heat),
        make("span", { class: "gw-strip-control" },
          make("label", { for: `${id}-seed` }, "Seed"), this.seed));
    }

    legend() {
      const items = STEPS.map(({ label }, step) => make("li", {},
        make("span", { class: `gw-strip-match-${step}` }, label), ": ", this.counts[step]));
      return make("div", { class: "gw-strip-legend" },
        "Characters written, by the longest piece around them, yours included, that occurs in " +
        "the training text:",
        make("ul", {}, ...items));
    }

    showTemperature() {
      const value = this.temperature.valueAsNumber;
      const words = value === 0 ? "0, takes the likeliest" : value.toFixed(1);
      this.heat.textContent = words;
      this.temperature.setAttribute("aria-valuetext", words);
    }

    /** Begin again, from another text. @param {string} text */
    clear(text) {
      this.text = text;
      this.written = "";
      this.random = root.gru.randomFrom(Math.trunc(this.seed.valueAsNumber || 0));
      this.show();
    }

    write() {
      if (!this.text) {
        this.say(this.output.textContent);
        return;
      }
      const all = this.text + this.written;
      const added = this.reader.write(all, WRITE, this.temperature.valueAsNumber, this.random);
      this.written += added;
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

  /** Shows the numbers of one unit at one character, and what comes next. */
  class Panel {
    constructor() {
      this.title = make("p", { class: "gw-strip-title" });
      this.numbers = MAPS.map(() => make("dd"));
      this.chart = make("svg:svg", {
        class: "gw-strip-chart", role: "img", preserveAspectRatio: "none",
      });
      const next = make("p", { class: "gw-strip-title" }, "Likeliest next characters");
      this.bars = Array.from({ length: SHOWN }, () => ({
        name: make("span"), bar: make("i"), share: make("span"),
      }));
      this.element = make("div", { class: "gw-strip-panel" },
        make("div", { class: "gw-strip-unit" }, this.title, this.list(), this.plot()),
        make("div", { class: "gw-strip-next" }, next,
          make("ol", {}, ...this.bars.map(({ name, bar, share }) =>
            make("li", {}, name, make("span", { class: "gw-strip-track" }, bar), share)))));
    }

    list() {
      return make("dl", {}, ...MAPS.map(({ symbol }, i) =>
        make("div", {}, make("dt", {}, symbol), this.numbers[i])));
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
     * @param {string} text
     * @param {object[]} steps
     * @param {number} at  the character
     * @param {number} unit
     * @param {string[]} tokens
     * @returns {string}  the panel in words
     */
    show(text, steps, at, unit, tokens) {
      const step = steps[at];
      this.title.textContent = step
        ? `Character ${at + 1} of ${text.length}, “${spell(text[at])}”, unit ${unit + 1}`
        : "There is no character yet.";
      const values = MAPS.map(({ symbol }) => step ? decimals(step[symbol][unit]) : "–");
      this.numbers.forEach((element, i) => { element.textContent = values[i]; });
      this.draw(steps, at, unit);
      const likeliest = this.rank(step, tokens);
      if (!step) return this.title.textContent;
      return `${this.title.textContent}: ` +
        `${MAPS.map(({ symbol }, i) => `${symbol} ${values[i]}`).join(", ")}. ` +
        `Likeliest next: ${likeliest}.`;
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
    rank(step, tokens) {
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

  /** The gate strip. */
  class Strip {
    /** @param {object} entry  of the model */
    constructor(entry) {
      const id = `gw-strip-${++widgets}`;
      this.tokens = entry.tokens;
      this.units = Array.from({ length: entry.numHiddens }, (_, unit) => unit);
      this.reader = new Reader(network(entry));
      this.live = announcer();
      this.field = textField(`${id}-text`,
        "the time traveller for so it will be convenient to speak of him", 120);
      this.writer = new Writer(id, entry, this.reader, this.live.say);
      this.maps = MAPS.map(({ title, colours }) => new HeatMap(title, colours));
      this.panel = new Panel();
      this.letters = make("div", { class: "gw-strip-lane gw-strip-letters" });
      this.region = this.makeRegion(id);
      this.sort = this.makeSort(id);
      this.element = make("div", { class: "gw-strip" },
        this.field.element, this.writer.element, this.sortRow(id), this.region,
        this.panel.element, this.live.element);
      this.at = START - 1;
      this.unit = entry.numHiddens / 2;
      this.listen();
      this.read();
      this.live.say(""); // a page that opens is quiet
    }

    /** @param {string} id */
    makeSort(id) {
      return make("select", { id: `${id}-sort`, "aria-describedby": `${id}-sort-hint` },
        ...SORTS.map(({ value, label }) => make("option", { value }, label)));
    }

    /** @param {string} id */
    sortRow(id) {
      return make("div", { class: "gw-strip-sort" },
        make("label", { for: `${id}-sort` }, "Order of the 256 rows"), this.sort,
        make("p", { id: `${id}-sort-hint`, class: "gw-strip-hint" },
          "At an update gate z, half of a unit’s value is left after ln 2 ÷ −ln z characters. " +
          `This is taken as at most ${LONGEST} and averaged over the text.`),
        make("p", { id: `${id}-keys`, class: "gw-strip-hint" },
          "Point at the maps or tap them. On the keyboard, left and right choose the character, " +
          "up and down the unit."));
    }

    /** @param {string} id */
    makeRegion(id) {
      const region = scroller("Gates and state: a column a character, a row a unit",
        this.letters, ...this.maps.flatMap(({ caption, lane }) => [caption, lane]));
      region.id = `${id}-maps`;
      region.setAttribute("aria-describedby", `${id}-keys`);
      return region;
    }

    listen() {
      this.field.input.addEventListener("input", () => {
        this.at = Infinity;
        this.read();
        this.reveal();
      });
      this.sort.addEventListener("change", () => {
        this.draw();
        this.select(this.at, this.unit);
        this.live.say(`Rows ordered ${this.sort.selectedOptions[0].textContent}.`);
      });
      this.region.addEventListener("click", (event) => this.point(event));
      this.region.addEventListener("pointermove", (event) => {
        if (event.pointerType === "mouse") this.point(event);
      });
      this.region.addEventListener("keydown", (event) => this.key(event));
      onTheme(() => this.draw());
    }

    /** Read the text of the field. */
    read() {
      this.text = clean(this.field.input.value, 120);
      this.steps = this.reader.read(this.text);
      this.letters.textContent = this.text;
      this.writer.clear(this.text);
      this.draw();
      this.select(this.at, this.unit);
    }

    /** Draw the maps. */
    draw() {
      colourLegends(this.element);
      this.order = this.sorted();
      MAPS.forEach(({ symbol }, i) => {
        this.maps[i].draw(this.steps.map((step) => step[symbol]), this.order);
      });
    }

    /** @returns {number[]}  the units from the top */
    sorted() {
      const { score } = SORTS.find(({ value }) => value === this.sort.value);
      const scores = this.units.map((unit) => mean(this.steps.map(({ z }) => score(z[unit]))));
      return this.steps.length ? this.units.slice().sort((a, b) => scores[b] - scores[a])
        : this.units;
    }

    /** @param {number} at  the character @param {number} unit */
    select(at, unit) {
      this.at = clamp(at, 0, Math.max(0, this.text.length - 1));
      this.unit = unit;
      const row = (this.order.indexOf(unit) + 0.5) / this.order.length;
      this.region.classList.toggle("gw-strip-empty", !this.text);
      this.region.style.setProperty("--gw-at", String(this.at));
      this.region.style.setProperty("--gw-row", `${100 * row}%`);
      this.live.say(this.panel.show(this.text, this.steps, this.at, unit, this.tokens));
    }

    /** Select what is under the pointer. @param {PointerEvent} event */
    point(event) {
      const lane = event.target.closest(".gw-strip-lane");
      if (!lane) return;
      const { left, top, height } = lane.getBoundingClientRect(), last = this.order.length - 1;
      const rank = lane === this.letters ? this.order.indexOf(this.unit)
        : Math.floor((event.clientY - top) / height * this.order.length);
      this.select(Math.floor((event.clientX - left) / COLUMN), this.order[clamp(rank, 0, last)]);
    }

    /** @param {KeyboardEvent} event */
    key(event) {
      const rank = this.order.indexOf(this.unit), last = this.order.length - 1;
      const to = {
        ArrowLeft: [this.at - 1, rank], ArrowRight: [this.at + 1, rank],
        ArrowUp: [this.at, rank - 1], ArrowDown: [this.at, rank + 1],
        Home: [0, rank], End: [Infinity, rank],
      }[event.key];
      if (!to || event.altKey || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      this.select(to[0], this.order[clamp(to[1], 0, last)]);
      this.reveal();
    }

    /** Scroll the selected character into view. */
    reveal() {
      const left = COLUMN * this.at, { scrollLeft, clientWidth } = this.region;
      const most = left - COLUMN, least = left + 2 * COLUMN - clientWidth;
      this.region.scrollLeft = clamp(scrollLeft, least, Math.max(least, most));
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
      make("svg:rect", { x: x + 0.1, y: 2 - value, width: 0.8, height: value })));
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
  class Two {
    /** @param {object} entry  of the model */
    constructor(entry) {
      const id = `gw-two-${++widgets}`, gru = network(entry);
      this.units = Array.from({ length: entry.numHiddens }, (_, unit) => unit);
      this.readers = RESETS.map(({ value }) => new Reader(gru, value));
      this.live = announcer();
      this.field = textField(`${id}-text`, "time traveller", 60);
      this.summary = make("p", { id: `${id}-summary`, class: "gw-two-summary" });
      this.lines = RESETS.map(() => make("div", { class: "gw-strip-letters gw-two-line" }));
      this.map = new HeatMap("state h", "value");
      this.chart = make("svg:svg", {
        class: "gw-two-bars", role: "img", preserveAspectRatio: "none",
      });
      this.radios = RESETS.map(({ value }, i) => make("input", {
        id: `${id}-${value}`, type: "radio", name: id, value, ...i === 0 && { checked: "" },
      }));
      this.region = this.makeRegion(id);
      this.element = make("div", { class: "gw-strip gw-two" },
        this.field.element, this.summary, this.choice(), this.region, this.live.element);
      this.field.input.addEventListener("input", () => this.read());
      this.radios.forEach((radio) => radio.addEventListener("change", () => this.choose()));
      onTheme(() => this.draw());
      this.read();
      this.live.say("");
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

    /** Read the text of the field with both, and go on from it. */
    read() {
      this.text = clean(this.field.input.value, 60);
      this.added = this.readers.map((reader) => this.text && reader.write(this.text, CONTINUE));
      const first = this.text + this.added[0];
      this.steps = this.readers.map((reader) => reader.read(first));
      this.differences = this.steps[0].map((step, i) => difference(step, this.steps[1][i]));
      this.part = parting(this.added);
      this.lines.forEach((line, i) => line.replaceChildren(...this.pieces(this.added[i])));
      this.summary.textContent = this.describe();
      this.live.say(this.summary.textContent);
      drawBars(this.chart, this.differences);
      this.draw();
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
      this.map.draw(this.steps[chosen].map(({ h }) => h), this.units);
    }

    choose() {
      this.draw();
      this.live.say(this.map.canvas.getAttribute("aria-label"));
    }
  }

  /**
   * The gate strip: gates, candidate and state of all units over a text.
   * @param {HTMLElement} container
   * @param {Record<string, object>} models  needs "gru-256"
   */
  function strip(container, models) {
    container.replaceChildren(new Strip(models["gru-256"]).element);
  }

  /**
   * Two GRUs: the same weights with the reset gate after the product and before it.
   * @param {HTMLElement} container
   * @param {Record<string, object>} models  needs "gru-256"
   */
  function two(container, models) {
    container.replaceChildren(new Two(models["gru-256"]).element);
  }

  Object.assign(root.gruWidgets ??= {}, { strip, two });
})(globalThis);
