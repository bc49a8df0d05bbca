/**
 * "Train one here": a GRU of 32 units that learns a text in a worker, while the reader watches its
 * perplexity and what it writes, and turns learning rate and clipping.
 *
 * A classic script. It needs parts.js, learn.js and train.css.
 */
(function (root) {
  "use strict";

  const { make, announcer, decimals } = root.gruParts;

  const WIDTH = 600, HEIGHT = 180, LEFT = 44, BOTTOM = 24;
  /** The most points of the curve; then each second one goes. */
  const POINTS = 400;
  const RATES = { least: -4, most: 0, step: 0.25, value: -2 };
  const CLIPS = { least: -2, most: 1, step: 0.25, value: 0 };

  /** A slider over powers of ten. */
  function powers(/** @type {string} */ label, { least, most, step, value }, change) {
    const input = make("input", { type: "range", min: least, max: most, step, value });
    const said = make("output", {});
    const show = () => {
      said.textContent = Number((10 ** Number(input.value)).toPrecision(2)).toString();
      input.setAttribute("aria-valuetext", said.textContent);
    };
    input.addEventListener("input", () => { show(); change(); });
    show();
    return {
      element: make("label", { class: "gw-train-slider" }, `${label} `, input, said),
      value: () => 10 ** Number(input.value),
      reset: () => { input.value = String(value); show(); },
    };
  }

  class Train {
    constructor() {
      const change = () => this.worker?.postMessage({ setting: this.setting() });
      this.rate = powers("Learning rate", RATES, change);
      this.clip = powers("Clipping at", CLIPS, change);
      this.seed = make("input", { type: "number", min: 0, max: 9999, step: 1, value: 0 });
      this.seed.addEventListener("input", () => this.reset(false));
      this.button = make("button", { type: "button" }, "Train");
      this.button.addEventListener("click", () => this.running ? this.pause() : this.start());
      this.own = make("textarea", {
        rows: 3, "aria-label": "Text to learn", spellcheck: "false",
        placeholder: "The first 10,000 characters of the novel, unless you paste another text here.",
      });
      this.own.addEventListener("input", () => this.reset(false));
      this.line = make("svg:polyline", { class: "gw-train-line", fill: "none" });
      this.axes = make("svg:g", { class: "gw-train-axes" });
      const drawing = make("svg:svg", {
        viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": "Perplexity against epochs",
      }, this.axes, this.line);
      this.numbers = make("p", { class: "gw-train-numbers" });
      this.written = make("ol", { class: "gw-train-written", "aria-label": "What it writes" });
      this.live = announcer();
      this.element = make("div", { class: "gw-train" },
        make("div", { class: "gw-row" }, this.button, this.rate.element, this.clip.element,
          make("label", {}, "Seed ", this.seed)),
        drawing, this.numbers, this.written,
        make("details", {}, make("summary", {}, "Another text"), this.own), this.live.element);
      new IntersectionObserver(([entry]) => {
        if (!entry.isIntersecting && this.running) this.pause();
      }).observe(this.element);
      document.addEventListener("visibilitychange", () => { if (document.hidden) this.pause(); });
      this.clear();
    }

    setting() {
      return { rate: this.rate.value(), clip: this.clip.value(), start: "the " };
    }

    async text() {
      const own = this.own.value.toLowerCase().replace(/\s+/g, " ").trim();
      if (own) return own.slice(0, 200_000);
      await root.gruLoad("gru-256-weights.js");
      return root.gruModels["gru-256"].text;
    }

    async start() {
      this.running = true;
      this.button.textContent = "Pause";
      if (!this.worker) {
        const text = await this.text();
        if (!this.running || this.worker) return;
        const address = URL.createObjectURL(new Blob([root.gruLearn.source], { type: "text/javascript" }));
        this.worker = new Worker(address);
        this.worker.onmessage = ({ data }) => this.show(data);
        this.worker.postMessage({ text, seed: Number(this.seed.value) || 0 });
      }
      this.worker.postMessage({ running: true, setting: this.setting() });
    }

    pause() {
      this.running = false;
      this.button.textContent = "Train";
      this.worker?.postMessage({ running: false });
    }

    /** Forget all that was learned. @param {boolean} [all]  whether the settings go back, too */
    reset(all = true) {
      this.pause();
      this.worker?.terminate();
      this.worker = null;
      if (all) {
        this.rate.reset();
        this.clip.reset();
        this.seed.value = "0";
        this.own.value = "";
      }
      this.clear();
    }

    clear() {
      this.curve = [];
      this.every = 1;
      this.turns = 0;
      this.written.replaceChildren();
      this.numbers.textContent = "Nothing learned yet.";
      this.draw();
    }

    /** Show what the worker says. */
    show(news) {
      if (news.error) {
        this.pause();
        this.numbers.textContent = `This text is too short: it ${news.error}.`;
        return;
      }
      const perplexity = Math.exp(news.loss);
      if (this.turns++ % this.every === 0) this.curve.push([news.epochs, perplexity]);
      if (this.curve.length > POINTS) {
        this.curve = this.curve.filter((_, i) => i % 2 === 0);
        this.every *= 2;
      }
      this.draw();
      this.numbers.textContent = `Epoch ${decimals(news.epochs, 1)}, ` +
        `${Math.round(news.seen / 1000).toLocaleString("en")} thousand characters, ` +
        `perplexity ${decimals(perplexity, 2)}, gradient norm ${decimals(news.norm, 2)}, ` +
        `${Math.round(news.speed / 100) * 100} characters/s`;
      if (this.turns % 10 === 1) {
        this.written.append(make("li", {}, `${decimals(news.epochs, 0)}: ${news.sample}`));
        while (this.written.children.length > 5) this.written.firstElementChild.remove();
      }
      if (this.turns % 50 === 0) this.live.say(this.numbers.textContent);
    }

    draw() {
      const last = Math.max(1, ...this.curve.map(([epoch]) => epoch));
      const x = (/** @type {number} */ epoch) => LEFT + (WIDTH - LEFT - 8) * epoch / last;
      const y = (/** @type {number} */ perplexity) =>
        8 + (HEIGHT - BOTTOM - 8) * (1 - Math.log(Math.min(40, Math.max(1, perplexity))) / Math.log(40));
      this.line.setAttribute("points", this.curve.map(([epoch, value]) =>
        `${x(epoch).toFixed(1)},${y(Number.isFinite(value) ? value : 40).toFixed(1)}`).join(" "));
      const parts = [1, 2, 4, 8, 16, 32].flatMap((value) => [
        make("svg:line", { x1: LEFT, x2: WIDTH - 8, y1: y(value), y2: y(value) }),
        make("svg:text", { x: LEFT - 6, y: y(value) + 4, "text-anchor": "end" }, String(value)),
      ]);
      this.axes.replaceChildren(...parts,
        make("svg:text", { x: WIDTH - 8, y: HEIGHT - 4, "text-anchor": "end" },
          `epoch ${decimals(last, 0)}`),
        make("svg:text", { x: LEFT + 4, y: 20 }, "perplexity"));
    }
  }

  /** A network that learns in the page. */
  function train() {
    const made = new Train();
    return { element: made.element, reset: () => made.reset() };
  }

  Object.assign(root.gruWidgets ??= {}, { train });
})(globalThis);
