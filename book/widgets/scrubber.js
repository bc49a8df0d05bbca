/**
 * The widget "scrubber": move through training, and see the curve, a sample and the gates together.
 *
 * Needs gru.js and the model gru-32; its style is scrubber.css.
 */
(function (root) {
  "use strict";

  const PHRASE = "the time machine";
  const PROMPT = "time traveller ";
  const SAMPLE_LENGTH = 60;
  const SEED = 7;
  const PER_SECOND = 6;
  const TICKS = [1, 2, 5, 10, 20, 50, 100, 200, 500];
  const CHOICES = [["0", "the likeliest"], ["0.5", "temperature 0.5"], ["1", "temperature 1"]];

  /** Colours from the lowest to the highest value, evenly spaced, for each theme. */
  const COLOURS = {
    light: {
      gate: [[247, 250, 253], [107, 174, 214], [8, 48, 107]],
      state: [[8, 81, 156], [120, 170, 215], [243, 243, 243], [240, 165, 100], [180, 70, 0]],
    },
    dark: {
      gate: [[14, 18, 24], [40, 98, 150], [168, 212, 255]],
      state: [[130, 190, 255], [45, 100, 160], [28, 30, 34], [165, 88, 20], [255, 180, 100]],
    },
  };

  let count = 0;

  /** Give an element attributes and children. */
  function dress(element, attributes, children) {
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  }

  const make = (tag, attributes = {}, ...children) =>
    dress(document.createElement(tag), attributes, children);

  const draw = (tag, attributes = {}, ...children) =>
    dress(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);

  const theme = () => (document.documentElement.dataset.theme === "dark" ? "dark" : "light");

  const mean = (numbers) => numbers.reduce((sum, number) => sum + number, 0) / numbers.length;

  const percent = (part) => `${Math.round(100 * part)} per cent`;

  /**
   * Mix a colour.
   * @param {number[][]} stops  colours, evenly spaced
   * @param {number} at  where between the first (0) and the last (1)
   * @returns {number[]}  red, green and blue
   */
  function mix(stops, at) {
    const place = Math.min(Math.max(at, 0), 1) * (stops.length - 1);
    const low = Math.min(Math.floor(place), stops.length - 2), part = place - low;
    return stops[low].map((value, i) => value + part * (stops[low + 1][i] - value));
  }

  /**
   * Paint one pixel for each value.
   * @param {HTMLCanvasElement} canvas
   * @param {ArrayLike<number>[]} columns
   * @param {number} lowest  the value of the first colour; the last one stands for 1
   * @param {number[][]} stops
   */
  function paint(canvas, columns, lowest, stops) {
    const context = canvas.getContext("2d");
    const image = context.createImageData(canvas.width, canvas.height);
    columns.forEach((column, x) => {
      for (let y = 0; y < canvas.height; y++) {
        const colour = mix(stops, (column[y] - lowest) / (1 - lowest));
        image.data.set([...colour, 255], 4 * (y * canvas.width + x));
      }
    });
    context.putImageData(image, 0, 0);
  }

  /** A label at each tick of an axis: `side` is the CSS property that places it. */
  const labels = (ticks, side, place) => ticks.map((tick) => {
    const label = make("span", { class: `gw-scrub-tick gw-scrub-tick-${side}` }, String(tick));
    label.style[side] = `${100 * place(tick)}%`;
    return label;
  });

  /**
   * The training curve; epochs are on a logarithmic axis, as the snapshots are.
   * @param {number[]} perplexity  one number for each epoch
   * @returns {{element: HTMLElement, show: (epoch: number, perplexity: number) => void}}
   */
  function curve(perplexity) {
    const epochs = perplexity.length, top = 5 * Math.ceil(Math.max(...perplexity) / 5);
    const across = (epoch) => Math.log(Math.max(epoch, 1)) / Math.log(epochs);
    const up = (value) => (value - 1) / (top - 1);
    const point = (epoch, value) => `${1000 * across(epoch)} ${1000 * (1 - up(value))}`;
    const levels = [1, ...Array.from({ length: top / 5 }, (_, i) => 5 * (i + 1))];

    const grid = levels.map((level) => `M0 ${1000 * (1 - up(level))}H1000`).join("");
    const line = perplexity.map((value, i) => point(i + 1, value)).join("L");
    const guide = draw("path", { class: "gw-scrub-guide" });
    const marker = draw("path", { class: "gw-scrub-marker" });
    const svg = draw(
      "svg", { role: "img", viewBox: "0 0 1000 1000", preserveAspectRatio: "none" },
      draw("path", { class: "gw-scrub-grid", d: grid }), guide,
      draw("path", { class: "gw-scrub-line", d: `M${line}` }), marker,
    );
    const numbers = make("span", { class: "gw-scrub-numbers" });
    const plot = make("div", { class: "gw-scrub-plot" }, svg, numbers);
    const ticks = make(
      "div", { "aria-hidden": "true" },
      ...labels(levels, "bottom", up),
      ...labels(TICKS.filter((tick) => tick <= epochs), "left", across),
      make("span", { class: "gw-scrub-axis-x" }, "epoch (logarithmic)"),
      make("span", { class: "gw-scrub-axis-y" }, "perplexity"),
    );
    plot.append(ticks);

    const show = (epoch, value) => {
      const at = point(epoch, value), x = at.split(" ")[0];
      guide.setAttribute("d", `M${x} 0V1000`);
      marker.setAttribute("d", `M${at}h0`);
      numbers.textContent = `epoch ${epoch}, perplexity ${value.toFixed(1)}`;
      svg.setAttribute("aria-label",
        `Training curve: perplexity over ${epochs} epochs, from ${perplexity[0].toFixed(1)} ` +
        `to ${perplexity[epochs - 1].toFixed(1)}. The marker is at epoch ${epoch}, ` +
        `perplexity ${value.toFixed(1)}.`);
    };
    return { element: make("div", { class: "gw-scrub-chart" }, plot), show };
  }

  /**
   * A heat map of all units over the phrase.
   * @param {{title: string, colours: "gate" | "state", lowest: number,
   *   summary: (columns: Float64Array[]) => string}} kind
   * @param {number} units
   * @returns {{element: HTMLElement, show: (columns: Float64Array[]) => void}}
   */
  function heatmap({ title, colours, lowest, summary }, units) {
    const canvas = make("canvas", { role: "img", width: PHRASE.length, height: units });
    const bar = make("span", { class: "gw-scrub-bar" });
    const letters = Array.from(PHRASE.replaceAll(" ", "␣"), (letter) => make("span", {}, letter));
    const element = make(
      "div", { class: "gw-scrub-map" },
      make(
        "p", { class: "gw-scrub-map-title" }, make("span", {}, title),
        make("span", { class: "gw-scrub-scale", "aria-hidden": "true" },
          lowest < 0 ? "−1" : "0", bar, "1"),
      ),
      canvas,
      make("div", { class: "gw-scrub-letters", "aria-hidden": "true" }, ...letters),
    );
    let shown = [];
    const repaint = () => {
      const stops = COLOURS[theme()][colours];
      bar.style.background = `linear-gradient(to right, ${stops.map((c) => `rgb(${c})`)})`;
      paint(canvas, shown, lowest, stops);
    };
    new MutationObserver(repaint)
      .observe(document.documentElement, { attributeFilter: ["data-theme"] });
    const show = (columns) => {
      shown = columns;
      repaint();
      canvas.setAttribute("aria-label",
        `${title}, ${units} units over “${PHRASE}”: ${summary(columns)}`);
    };
    return { element, show };
  }

  /** What the update gate does, in words. */
  function gateSummary(columns) {
    const all = columns.flatMap((column) => [...column]);
    return `mean ${mean(all).toFixed(2)}, ${percent(mean(all.map((z) => Number(z > 0.9))))} ` +
      `above 0.9 and ${percent(mean(all.map((z) => Number(z < 0.1))))} below 0.1.`;
  }

  /** What the state does, in words. */
  function stateSummary(columns) {
    const sizes = columns.flatMap((column) => Array.from(column, Math.abs));
    return `mean size ${mean(sizes).toFixed(2)}, ` +
      `${percent(mean(sizes.map((size) => Number(size > 0.5))))} larger than 0.5.`;
  }

  /**
   * The networks of a model's snapshots, each unpacked when it is first asked for.
   * @param {object} model  an entry of gruModels
   * @returns {(index: number) => {network: object, steps: object[]}}
   *   a network and how it read the phrase
   */
  function snapshotsOf({ snapshots, numHiddens, tokens }) {
    const { GRU, unpack } = root.gru, known = [];
    return (index) => {
      if (!known[index]) {
        const params = unpack(snapshots[index].params, numHiddens, tokens.length);
        const network = new GRU(params, tokens);
        known[index] = { network, steps: network.read(PHRASE) };
      }
      return known[index];
    };
  }

  /**
   * A button that moves a range input to its end; hidden where motion is unwelcome.
   * @param {HTMLInputElement} range
   * @param {() => void} show  called after each move
   * @returns {HTMLButtonElement}
   */
  function playButton(range, show) {
    const button = make("button", { type: "button", class: "gw-scrub-play" }, "play");
    const last = Number(range.max);
    let timer = 0;
    const pause = () => {
      clearInterval(timer);
      timer = 0;
      button.textContent = "play";
    };
    const moveTo = (index) => {
      range.value = String(index);
      show();
      if (index >= last) pause();
    };
    const play = () => {
      if (Number(range.value) === last) moveTo(0);
      button.textContent = "pause";
      timer = setInterval(() => moveTo(Number(range.value) + 1), 1000 / PER_SECOND);
    };
    button.addEventListener("click", () => (timer ? pause() : play()));
    range.addEventListener("input", pause);

    const still = matchMedia("(prefers-reduced-motion: reduce)");
    const heed = () => {
      button.hidden = still.matches;
      if (still.matches) pause();
    };
    still.addEventListener("change", heed);
    heed();
    return button;
  }

  /** A region that tells a screen reader what changed, once the changes pause. */
  function announcer() {
    const region = make("p", { class: "gw-scrub-live", role: "status" });
    let timer = 0, begun = false;
    const say = (text) => {
      clearTimeout(timer);
      if (begun) timer = setTimeout(() => { region.textContent = text; }, 300);
      begun = true; // what the widget shows at first is no change
    };
    return { region, say };
  }

  /**
   * Fill a container with the widget.
   * @param {HTMLElement} container
   * @param {object} models  entries of gruModels; gru-32 is needed
   */
  function scrubber(container, models) {
    const model = models["gru-32"], id = `gw-scrub-${++count}`;
    const snapshot = snapshotsOf(model), last = model.snapshots.length - 1;

    const range = make("input", { type: "range", id: `${id}-epoch`, min: 0, max: last, step: 1 });
    range.value = String(last);
    const select = make(
      "select", { id: `${id}-choice` },
      ...CHOICES.map(([value, text]) => make("option", { value }, text)),
    );
    const chart = curve(model.perplexity);
    const written = make("span", { class: "gw-scrub-written" });
    const gates = heatmap(
      { title: "update gate z", colours: "gate", lowest: 0, summary: gateSummary },
      model.numHiddens,
    );
    const states = heatmap(
      { title: "state h", colours: "state", lowest: -1, summary: stateSummary },
      model.numHiddens,
    );
    const { region, say } = announcer();

    const show = () => {
      const index = Number(range.value), { epoch, perplexity } = model.snapshots[index];
      const { network, steps } = snapshot(index), temperature = Number(select.value);
      const moment = `epoch ${epoch}, perplexity ${perplexity.toFixed(1)}`;
      const random = root.gru.randomFrom(SEED);
      range.setAttribute("aria-valuetext", moment);
      chart.show(epoch, perplexity);
      written.textContent = network.write(PROMPT, SAMPLE_LENGTH, temperature, random);
      gates.show(steps.map((step) => step.z));
      states.show(steps.map((step) => step.h));
      say(`${moment}. It writes: ${written.textContent.trim() || "only spaces"}`);
    };
    range.addEventListener("input", show);
    select.addEventListener("change", show);

    container.replaceChildren(make(
      "div", { class: "gw-scrub", role: "group", "aria-labelledby": `${id}-title` },
      make("p", { class: "gw-scrub-title", id: `${id}-title` }, "Move through training"),
      make(
        "div", { class: "gw-scrub-controls" },
        playButton(range, show), make("label", { for: range.id }, "epoch"), range,
      ),
      chart.element,
      make(
        "div", { class: "gw-scrub-controls" },
        make("label", { for: select.id }, "next character"), select,
      ),
      make("p", { class: "gw-scrub-sample" }, make("span", {}, PROMPT), written),
      make("div", { class: "gw-scrub-maps" }, gates.element, states.element),
      make("p", { class: "gw-scrub-note" },
        "One row for each of the 32 units, one column for each character read."),
      region,
    ));
    show();
  }

  (root.gruWidgets ??= {}).scrubber = scrubber;
})(globalThis);
