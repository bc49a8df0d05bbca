/**
 * The widget "byhand": set the gates of one unit, in three exercises that check themselves.
 *
 * Needs gru.js and parts.js; its style is scrubber.css.
 */
(function (root) {
  "use strict";

  const { make, announcer, clamp, decimals } = root.gruParts;

  const STEPS = 20;
  const W_X = 2;
  const SIGNS = { a: 1, b: -1, ".": 0 };
  /** A seed whose letters begin with a, and have b at step 11 and a at step 12. */
  const SEED = 1803;
  /** How far a carried value may drift, and what counts as having taken a letter. */
  const DRIFT = 0.05, TAKEN = 0.9;
  /** What counts as no influence, and as some. */
  const NONE = 0.001, SOME = 0.05;
  /** A finger that rests this long, in milliseconds, paints; one that moves this far scrolls. */
  const REST = 300, FAR = 8;

  const filled = (value) => new Array(STEPS).fill(value);

  /** The letters of the 20 steps, always the same. */
  function lettersFrom(seed) {
    const random = root.gru.randomFrom(seed);
    return filled("").map(() => "ab."[Math.floor(3 * random())]);
  }

  /**
   * Run the unit over the letters.
   * @param {number[]} inputs  x of each step
   * @param {{z: number[], r: number[]}} gates
   * @param {number} w_h
   * @returns {{n: number[], h: number[]}}  candidate and state after each step
   */
  function run(inputs, { z, r }, w_h) {
    const n = [], h = [];
    let state = 0;
    inputs.forEach((x, t) => {
      n[t] = Math.tanh(W_X * x + w_h * r[t] * state);
      state = h[t] = z[t] * state + (1 - z[t]) * n[t];
    });
    return { n, h };
  }

  /** The inputs with the letter of one step turned round. */
  const turned = (inputs, step) => inputs.map((x, t) => (t === step - 1 ? -x : x));

  /** A band around a value to carry, or all that would do while the value itself is not reached. */
  function around(value, [low, high]) {
    if (value < low || value > high) return [low, high];
    return [Math.max(value - DRIFT, -1), Math.min(value + DRIFT, 1)];
  }

  /** The bands [low, high] of task A: take the first letter, and carry it to the end. */
  function carryBands(h) {
    const take = [TAKEN, 1];
    return [take, ...filled(around(h[0], take)).slice(1)];
  }

  /** The bands of task B: as A until step 10, then take the letter of step 11 and carry that. */
  function letGoBands(h) {
    const take = [-1, -TAKEN];
    return [...carryBands(h).slice(0, 10), take, ...filled(around(h[10], take)).slice(11)];
  }

  /**
   * Check the state against a band for each step.
   * @param {number[]} h
   * @param {number[][]} bands
   * @returns {{solved: boolean, text: string}}
   */
  function checkBands(h, bands) {
    const outside = h.map((value, t) => value < bands[t][0] || value > bands[t][1]);
    const first = outside.indexOf(true), wrong = outside.filter(Boolean).length;
    if (first < 0) {
      const text = `Solved: h is in the target after all ${STEPS} steps; it is ` +
        `${decimals(h[0])} after step 1 and ${decimals(h[STEPS - 1])} after step ${STEPS}.`;
      return { solved: true, text };
    }
    const [low, high] = bands[first].map((value) => decimals(value, 3));
    const text = `Not yet: after step ${first + 1} h is ${decimals(h[first], 3)}, and the target is ` +
      `${low} to ${high}. ${STEPS - wrong} of ${STEPS} steps are in the target.`;
    return { solved: false, text };
  }

  /**
   * Check how much the first letter and the letter of step 12 change the last state.
   * @param {number} first
   * @param {number} later
   * @returns {{solved: boolean, text: string}}
   */
  function checkInfluence(first, later) {
    const gone = first < NONE, kept = later > SOME, solved = gone && kept;
    const text = `${solved ? "Solved" : "Not yet"}: turning the first letter round ` +
      `${gone ? "changes" : "still changes"} h after step ${STEPS} by ${decimals(first, 3)}, ` +
      `and turning the letter of step 12 round changes it by ${decimals(later, 3)}` +
      `${kept ? "." : ", which is too little."}`;
    return { solved, text };
  }

  /**
   * The exercises. `judge` gets the states for the letters as they are, with the first one turned
   * round, and with that of step 12 turned round.
   */
  const TASKS = [
    {
      name: "A: Carry",
      goal: "Take the first letter, so that h is above 0.9 after step 1, and carry it across the " +
        "other letters: h must stay within 0.05 of that value until step 20. " +
        "The band in the chart is the target.",
      w_h: 1.5, start: { z: 0.5, r: 1 }, bands: carryBands,
      judge: (h) => checkBands(h, carryBands(h)),
    },
    {
      name: "B: Carry, then let go",
      goal: "Carry the first letter until step 10. At step 11 take the new letter, so that h is " +
        "below −0.9, and carry that one, within 0.05, until step 20. " +
        "The band in the chart is the target.",
      w_h: 1.5, start: { z: 0.5, r: 1 }, bands: letGoBands,
      judge: (h) => checkBands(h, letGoBands(h)),
    },
    {
      name: "C: Forget with the other gate",
      goal: "z is locked at 0 in all steps, so only r is yours. The first letter must change h " +
        "after step 20 by less than 0.001, and the letter of step 12 must change it by more than " +
        "0.05. Dashed: h with the first letter turned round. Dotted: h with the letter of " +
        "step 12 turned round. They are compared at step 20.",
      w_h: 2.5, start: { z: 0, r: 1 }, locked: "z", compared: true,
      judge: (h, first, later) => {
        const change = (other) => Math.abs(h[STEPS - 1] - other[STEPS - 1]);
        return checkInfluence(change(first), change(later));
      },
    },
  ];

  const path = (h) => `M${h.map((value, t) => `${t + 0.5} ${-value}`).join("L")}`;

  const box = ([low, high], t) => `M${t} ${-low}H${t + 1}V${-high}H${t}Z`;

  /** What the chart shows, in words. */
  function chartSummary(h, text) {
    const lowest = Math.min(...h), highest = Math.max(...h);
    return `State h over ${STEPS} steps: ${decimals(h[0])} after step 1, ` +
      `${decimals(h[STEPS - 1])} after step ${STEPS}, ` +
      `lowest ${decimals(lowest)} at step ${h.indexOf(lowest) + 1}, ` +
      `highest ${decimals(highest)} at step ${h.indexOf(highest) + 1}. ${text}`;
  }

  /**
   * The chart of h; one unit across is one step, and dots are lines of no length.
   * @returns {{svg: SVGElement, show: (task: object, states: number[][], text: string) => void,
   *   point: (step: number) => void}}
   */
  function chart() {
    const part = (name) => make("svg:path", { class: `gw-hand-${name}` });
    const target = part("target"), axis = part("axis"), guide = part("guide");
    const first = part("first"), later = part("later"), line = part("line"), dots = part("dots");
    const svg = make(
      "svg:svg", { role: "img", class: "gw-hand-chart", preserveAspectRatio: "none" },
      target, axis, guide, first, later, line, dots,
    );
    svg.setAttribute("viewBox", `0 -1.08 ${STEPS} 2.16`);
    axis.setAttribute("d", [-1, 0, 1].map((y) => `M0 ${y}H${STEPS}`).join(""));
    const show = (task, [h, turnedFirst, turnedLater], text) => {
      const bands = task.bands ? task.bands(h).map(box) : [box([-1.08, 1.08], STEPS - 1)];
      target.setAttribute("d", bands.join(""));
      line.setAttribute("d", path(h));
      dots.setAttribute("d", h.map((value, t) => `M${t + 0.5} ${-value}h0`).join(""));
      first.setAttribute("d", task.compared ? path(turnedFirst) : "");
      later.setAttribute("d", task.compared ? path(turnedLater) : "");
      svg.setAttribute("aria-label", chartSummary(h, text));
    };
    const point = (step) => guide.setAttribute("d", `M${step - 0.5} -1.08V1.08`);
    return { svg, show, point };
  }

  /**
   * Let a pointer paint bars: a mouse that drags, a finger once it has rested. A finger that swipes
   * scrolls, and one that taps sets the bar to the height it taps.
   * @param {HTMLElement[]} bars  side by side
   * @param {(step: number, value: number) => void} paint
   */
  function painted(bars, paint) {
    let last = null, rest = 0, painting = false;
    const place = ({ clientX, clientY }) => {
      const { left, top, height } = bars[0].getBoundingClientRect();
      const across = (clientX - left) / (bars.at(-1).getBoundingClientRect().right - left);
      const up = clamp(1 - (clientY - top) / height, 0, 1);
      return {
        step: clamp(Math.floor(across * bars.length), 0, bars.length - 1),
        value: Math.round(20 * up) / 20, x: clientX, y: clientY,
      };
    };
    const begin = (now) => {
      painting = true;
      paint(now.step, now.value);
    };
    const end = () => {
      clearTimeout(rest);
      painting = false;
      last = null;
    };
    const down = (event) => {
      if (event.button || !event.isPrimary || bars[0].control.disabled) return;
      last = place(event);
      if (event.pointerType === "touch") {
        rest = setTimeout(() => begin(last), REST);
        return;
      }
      event.preventDefault();
      bars[last.step].control.focus({ preventScroll: true });
      bars[last.step].setPointerCapture(event.pointerId);
      begin(last);
    };
    const move = (event) => {
      if (!last) return;
      const now = place(event), way = now.step - last.step;
      if (!painting) {
        if (Math.hypot(now.x - last.x, now.y - last.y) > FAR) end();
        return;
      }
      const steps = Math.abs(way), sign = Math.sign(way); // none is skipped by a quick pointer
      for (let i = 1; i < steps; i++) {
        const value = last.value + i / steps * (now.value - last.value);
        paint(last.step + sign * i, Math.round(20 * value) / 20);
      }
      paint(now.step, now.value);
      last = now;
    };
    const up = () => {
      if (last && !painting) paint(last.step, last.value);
      end();
    };
    for (const bar of bars) {
      bar.addEventListener("pointerdown", down);
      bar.addEventListener("pointermove", move);
      bar.addEventListener("pointerup", up);
      bar.addEventListener("pointercancel", end);
      bar.addEventListener("contextmenu", (event) => { if (last) event.preventDefault(); });
      bar.addEventListener("touchmove", (event) => { if (painting) event.preventDefault(); },
        { passive: false });
    }
  }

  /**
   * The sliders of one gate, each within its label.
   * @param {string} gate
   * @param {(step: number, value?: number) => void} heed  called with the step that is looked at,
   *   and with its value where that was changed
   * @returns {{labels: HTMLElement[], set: (values: number[], locked: boolean) => void}}
   */
  function sliders(gate, heed) {
    const inputs = filled().map(() =>
      make("input", { type: "range", min: 0, max: 1, step: 0.05 }));
    const fill = (input) =>
      input.parentElement.style.setProperty("--gw-fill", `${100 * Number(input.value)}%`);
    const change = (t, value) => {
      if (value !== undefined) inputs[t].value = String(value);
      fill(inputs[t]);
      heed(t + 1, Number(inputs[t].value));
    };
    const labels = inputs.map((input, t) => {
      const name = make("span", { class: "visually-hidden" }, `${gate} at step ${t + 1}`);
      const label = make("label", { class: `gw-hand-bar gw-hand-bar-${gate}` },
        name, input, make("i", { class: "gw-inked" }));
      input.addEventListener("focus", () => heed(t + 1));
      label.addEventListener("pointerenter", () => heed(t + 1));
      input.addEventListener("input", () => change(t));
      return label;
    });
    painted(labels, change);
    const set = (values, locked) => inputs.forEach((input, t) => {
      input.value = String(values[t]);
      input.disabled = locked;
      fill(input);
    });
    return { labels, set };
  }

  /** The left end of a row, which stays in sight. */
  const rowName = (...texts) => make(
    "div", { class: "gw-hand-row-name", "aria-hidden": "true" },
    ...texts.map((text) => make("span", {}, text)),
  );

  /** The formulas of the unit; the number of w_h is put into `weight`. */
  function formulas(weight) {
    const sub = (name, index) => [make("i", {}, name), make("sub", {}, index)];
    return make(
      "p", { class: "gw-hand-formula" },
      make("span", {}, ...sub("n", "t"), ` = tanh(${W_X} `, ...sub("x", "t"), " + ", weight, " ",
        ...sub("r", "t"), " ", ...sub("h", "t−1"), ")"),
      make("span", {}, ...sub("h", "t"), " = ", ...sub("z", "t"), " ", ...sub("h", "t−1"),
        " + (1 − ", ...sub("z", "t"), ") ", ...sub("n", "t")),
      make("span", {}, ...sub("h", "0"), " = 0"),
      make("span", {}, make("i", {}, "x"), " is 1 for a, −1 for b, 0 for a dot"),
    );
  }

  /** A row of buttons. */
  const buttons = (label, names) => make(
    "div", { class: "gw-row", role: "group", "aria-label": label },
    ...names.map((name) => make("button", { type: "button" }, name)),
  );

  /** The chart and, below each of its steps, the letter, the sliders and the number. */
  function board(svg, letters, bars) {
    const cells = (texts, name) => texts.map((text) =>
      make("div", { class: name, "aria-hidden": "true" }, text));
    const grid = make(
      "div", { class: "gw-hand-grid" },
      rowName("1", "h", "−1"), svg,
      rowName("letter"), ...cells(letters, "gw-hand-letter"),
      rowName("1", "z", "0"), ...bars.z.labels,
      rowName("1", "r", "0"), ...bars.r.labels,
      rowName("step"), ...cells(letters.map((_, t) => String(t + 1)), "gw-hand-step"),
    );
    const label = `Chart and sliders of the ${STEPS} steps`;
    return make(
      "div", { class: "gw-hand-scroll", role: "region", tabindex: 0, "aria-label": label }, grid,
    );
  }

  /** Make the widget. */
  function byhand() {
    const letters = lettersFrom(SEED), inputs = letters.map((letter) => SIGNS[letter]);
    const names = letters.map((letter) => (letter === "." ? "dot" : letter));
    const fresh = ({ start }) => ({ z: filled(start.z), r: filled(start.r) });
    const settings = TASKS.map(fresh), done = new Set();
    let current = 0, pointed = 1;

    const { svg, show, point } = chart(), { element: region, say } = announcer();
    const tabs = buttons("Task", TASKS.map((task) => task.name));
    const fast = buttons("All steps at once",
      ["all z to 0", "all z to 1", "all r to 0", "all r to 1"]);
    const goals = TASKS.map((task) => make("p", {}, task.goal)), weight = make("span");
    const readout = make("p", { class: "gw-hand-readout" });
    const verdict = make("p", { class: "gw-hand-verdict" });

    /** Show what follows from the gates as they are set. */
    const refresh = () => {
      const task = TASKS[current], gates = settings[current], t = pointed - 1;
      const { n, h } = run(inputs, gates, task.w_h);
      const others = [1, 12].map((step) => run(turned(inputs, step), gates, task.w_h).h);
      const { solved, text } = task.judge(h, ...others);
      show(task, [h, ...others], text);
      point(pointed);
      readout.textContent = `Step ${pointed}, letter ${names[t]}: ` +
        `z ${decimals(gates.z[t])}, r ${decimals(gates.r[t])}, ` +
        `candidate n ${decimals(n[t])}, h ${decimals(h[t])}.`;
      if (solved) done.add(current);
      [...tabs.children].forEach((tab, i) => {
        tab.textContent = `${done.has(i) ? "✓ " : ""}${TASKS[i].name}`;
      });
      const praised = solved && done.size === TASKS.length
        ? `${text} All ${TASKS.length} tasks are solved.` : text;
      svg.classList.toggle("gw-hand-solved", solved);
      verdict.textContent = praised;
      verdict.dataset.solved = String(solved);
      say(praised);
    };

    const heed = (gate) => (step, value) => {
      if (value === undefined && step === pointed) return;
      if (value !== undefined) settings[current][gate][step - 1] = value;
      pointed = step;
      refresh();
    };
    const bars = { z: sliders("z", heed("z")), r: sliders("r", heed("r")) };

    /** Set all controls to the gates of the task. */
    const restore = () => {
      const { locked, w_h } = TASKS[current];
      for (const gate of ["z", "r"]) bars[gate].set(settings[current][gate], gate === locked);
      for (const button of fast.children) {
        button.disabled = button.textContent.startsWith(`all ${locked} `);
      }
      [...tabs.children].forEach((tab, i) => tab.setAttribute("aria-pressed", i === current));
      goals.forEach((goal, i) => goal.classList.toggle("gw-hand-away", i !== current));
      weight.textContent = String(w_h);
      refresh();
    };

    [...tabs.children].forEach((tab, i) => tab.addEventListener("click", () => {
      current = i;
      restore();
    }));
    [...fast.children].forEach((button) => button.addEventListener("click", () => {
      const [, gate, value] = button.textContent.match(/all (.) to (.)/);
      settings[current][gate].fill(Number(value));
      restore();
    }));
    const reset = () => {
      settings[current] = fresh(TASKS[current]);
      restore();
    };

    const element = make(
      "div", { class: "gw-hand" },
      tabs,
      make("div", { class: "gw-hand-goals" }, ...goals),
      formulas(weight),
      make("p", { class: "visually-hidden" }, `The letters: ${names.join(", ")}.`),
      board(svg, letters, bars),
      readout, fast,
      make("p", { class: "gw-hint" },
        "Drag over the bars to paint them. On a touch screen, tap a bar, or rest a finger on it and then drag."),
      verdict, region,
    );
    restore();
    say(""); // a page that opens is quiet
    return { element, reset };
  }

  (root.gruWidgets ??= {}).byhand = byhand;
})(globalThis);
