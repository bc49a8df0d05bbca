/**
 * The widget "scrubber": move through training, and see the curve, a sample and the gates together.
 *
 * Needs gru.js, parts.js and the model gru-32; its style is in scrubber.css.
 */
(function (root) {
  "use strict";

  const { COLOURS, make, announcer, mean, onTheme, gradient, paint } = root.gruParts;

  const PHRASE = "the time machine";
  const PROMPT = "time traveller ";
  const SAMPLE_LENGTH = 60;
  const SEED = 7;
  const PER_SECOND = 6;
  const TICKS = [1, 2, 5, 10, 20, 50, 100, 200, 500];
  const CHOICES = [["0", "the likeliest"], ["0.5", "temperature 0.5"], ["1", "temperature 1"]];

  let count = 0;

  /** Spaces that nobody would see, beside others and at the ends, as a sign. */
  const visible = (text) => text.replace(/ (?= |$)|(?<= |^) /g, "␣");

  const percent = (part) => `${Math.round(100 * part)} per cent`;

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
    const guide = make("svg:path", { class: "gw-scrub-guide" });
    const marker = make("svg:path", { class: "gw-scrub-marker" });
    const svg = make(
      "svg:svg", { role: "img", viewBox: "0 0 1000 1000", preserveAspectRatio: "none" },
      make("svg:path", { class: "gw-scrub-grid", d: grid }), guide,
      make("svg:path", { class: "gw-scrub-line", d: `M${line}` }), marker,
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
   * @param {string} title
   * @param {"z" | "h"} kind  of its colours
   * @param {(columns: Float64Array[]) => string} summary
   * @param {number} units
   * @returns {{element: HTMLElement, show: (columns: Float64Array[]) => void}}
   */
  function heatmap(title, kind, summary, units) {
    const canvas = make("canvas", { role: "img", width: PHRASE.length, height: units });
    const bar = make("span", { class: "gw-scrub-bar gw-inked" });
    const letters = Array.from(PHRASE.replaceAll(" ", "␣"), (letter) => make("span", {}, letter));
    const element = make(
      "div", { class: "gw-scrub-map" },
      make(
        "p", { class: "gw-scrub-map-title" }, make("span", {}, title),
        make("span", { class: "gw-scrub-scale", "aria-hidden": "true" },
          COLOURS[kind].least < 0 ? "−1" : "0", bar, "1"),
      ),
      canvas,
      make("div", { class: "gw-scrub-letters", "aria-hidden": "true" }, ...letters),
    );
    const order = Array.from({ length: units }, (_, unit) => unit);
    let shown = [];
    const repaint = () => {
      bar.style.background = gradient(kind);
      paint(canvas, shown, order, kind);
    };
    onTheme(repaint);
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

  /**
   * Make the widget.
   * @param {object} models  entries of gruModels; gru-32 is needed
   */
  function scrubber(models) {
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
    const gates = heatmap("update gate z", "z", gateSummary, model.numHiddens);
    const states = heatmap("state h", "h", stateSummary, model.numHiddens);
    const { element: region, say } = announcer();

    const show = () => {
      const index = Number(range.value), { epoch, perplexity } = model.snapshots[index];
      const { network, steps } = snapshot(index), temperature = Number(select.value);
      const moment = `epoch ${epoch}, perplexity ${perplexity.toFixed(1)}`;
      const random = root.gru.randomFrom(SEED);
      range.setAttribute("aria-valuetext", moment);
      chart.show(epoch, perplexity);
      const text = network.write(PROMPT, SAMPLE_LENGTH, temperature, random);
      written.textContent = visible(text);
      gates.show(steps.map((step) => step.z));
      states.show(steps.map((step) => step.h));
      say(`${moment}. It writes: ${text.trim() || "only spaces"}`);
    };
    range.addEventListener("input", show);
    select.addEventListener("change", show);

    const element = make(
      "div", { class: "gw-scrub" },
      make(
        "div", { class: "gw-row" },
        playButton(range, show), make("label", { for: range.id }, "epoch"), range,
      ),
      chart.element,
      make("div", { class: "gw-row" }, make("label", { for: select.id }, "next character"), select),
      make("p", { class: "gw-scrub-sample" }, make("span", {}, PROMPT), written),
      make("div", { class: "gw-scrub-maps" }, gates.element, states.element),
      make("p", { class: "gw-hint" },
        "One row for each of the 32 units, one column for each character read."),
      region,
    );
    const reset = () => {
      range.value = String(last);
      select.selectedIndex = 0;
      range.dispatchEvent(new Event("input")); // which pauses, too
    };
    show();
    say(""); // a page that opens is quiet
    return { element, reset };
  }

  (root.gruWidgets ??= {}).scrubber = scrubber;
})(globalThis);
