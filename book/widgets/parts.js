/**
 * What the widgets share: making elements, colours, numbers in words. It needs nothing.
 */
(function (root) {
  "use strict";

  /**
   * Colours of each quantity from the least to the greatest value, which is 1, evenly spaced; their
   * hues are those of the drawings: update gate blue, reset gate orange, candidate green, state ink.
   */
  const COLOURS = {
    z: {
      least: 0,
      light: [[248, 250, 253], [107, 163, 214], [8, 48, 107]],
      dark: [[18, 22, 28], [44, 94, 150], [170, 214, 255]],
    },
    r: {
      least: 0,
      light: [[254, 250, 246], [234, 158, 94], [120, 48, 6]],
      dark: [[24, 20, 16], [150, 84, 30], [255, 204, 156]],
    },
    n: {
      least: -1,
      light: [[118, 42, 131], [194, 165, 207], [247, 247, 247], [122, 190, 144], [12, 88, 46]],
      dark: [[220, 166, 238], [100, 60, 120], [24, 28, 34], [34, 104, 66], [134, 234, 176]],
    },
    h: {
      least: -1,
      light: [[178, 24, 43], [236, 150, 130], [248, 248, 248], [150, 152, 156], [20, 24, 30]],
      dark: [[255, 136, 124], [130, 50, 46], [24, 28, 34], [120, 126, 134], [240, 243, 247]],
    },
  };

  /**
   * Make an element.
   * @param {string} tag  "svg:line" for one of SVG
   * @param {Record<string, unknown>} [attributes]
   * @param {...(Node | string)} children
   */
  function make(tag, attributes = {}, ...children) {
    const [name, space] = tag.split(":").reverse();
    const element = space === "svg"
      ? document.createElementNS("http://www.w3.org/2000/svg", name)
      : document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value));
    element.append(...children);
    return element;
  }

  /**
   * Make a region that tells a screen reader what changed, once the changes pause.
   * @returns {{element: Element, say: (text: string | (() => string)) => void}}  saying "" takes back
   *   what waits; a function is called when it is said
   */
  function announcer() {
    const element = make("p", { class: "visually-hidden", role: "status" });
    let waiting = 0;
    const say = (/** @type {string | (() => string)} */ words) => {
      clearTimeout(waiting);
      waiting = setTimeout(() => {
        const text = typeof words === "string" ? words : words();
        if (element.textContent !== text) element.textContent = text;
      }, 300);
    };
    return { element, say };
  }

  /**
   * Frame a widget: a title, a button that resets it, the widget.
   * @param {string} title
   * @param {{element: Element, reset: () => void}} widget
   */
  function frame(title, { element, reset }) {
    const button = make("button", { type: "button" }, "Reset");
    button.addEventListener("click", reset);
    const head = make("div", { class: "gw-head" }, make("p", { class: "gw-title" }, title), button);
    return make("div", { class: "gw-frame" }, head, element);
  }

  /** Whether the reader wants less motion. */
  const still = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

  /** @param {number} value @param {number} least @param {number} most */
  function clamp(value, least, most) {
    return Math.max(least, Math.min(most, value));
  }

  /** A number with a true minus sign, and none before zero. */
  function decimals(/** @type {number} */ value, digits = 2) {
    return value.toFixed(digits).replace(/^-(0\.?0*)$/, "$1").replace("-", "−");
  }

  /** @param {ArrayLike<number>} values */
  function mean(values) {
    let sum = 0;
    for (let i = 0; i < values.length; i++) sum += values[i];
    return sum / values.length;
  }

  /** The name of the page's theme. @returns {"light" | "dark"} */
  function theme() {
    return document.documentElement.dataset.theme === "dark" ? "dark" : "light";
  }

  /** Call a function at each change of the theme. @param {() => void} change */
  function onTheme(change) {
    new MutationObserver(change).observe(document.documentElement, {
      attributeFilter: ["data-theme"],
    });
  }

  /** The colours as a gradient of CSS. @param {"z" | "r" | "n" | "h"} kind */
  function gradient(kind) {
    const stops = COLOURS[kind][theme()].map((colour) => `rgb(${colour})`);
    return `linear-gradient(to right, ${stops})`;
  }

  /**
   * Make 256 colours between some, each packed as a pixel of an image.
   * @param {number[][]} stops
   */
  function palette(stops) {
    const bytes = new Uint8ClampedArray(4 * 256);
    for (let i = 0; i < 256; i++) {
      const place = i / 255 * (stops.length - 1);
      const left = Math.min(stops.length - 2, Math.floor(place));
      for (let c = 0; c < 3; c++) {
        bytes[4 * i + c] = stops[left][c] + (place - left) * (stops[left + 1][c] - stops[left][c]);
      }
      bytes[4 * i + 3] = 255;
    }
    return new Uint32Array(bytes.buffer);
  }

  /**
   * Paint one pixel for each value; the canvas takes their number as its size.
   * @param {HTMLCanvasElement} canvas
   * @param {ArrayLike<number>[]} columns  a value that is missing leaves its pixel empty
   * @param {number[]} order  which values of a column, from the top
   * @param {"z" | "r" | "n" | "h"} kind
   */
  function paint(canvas, columns, order, kind) {
    const { least } = COLOURS[kind], pixels = palette(COLOURS[kind][theme()]);
    const width = Math.max(1, columns.length), scale = 255 / (1 - least);
    const image = new ImageData(width, order.length), to = new Uint32Array(image.data.buffer);
    columns.forEach((column, x) => {
      for (let y = 0; y < order.length; y++) {
        to[y * width + x] = pixels[Math.round((column[order[y]] - least) * scale)];
      }
    });
    Object.assign(canvas, { width, height: order.length });
    canvas.getContext("2d").putImageData(image, 0, 0);
  }

  root.gruParts = {
    COLOURS, make, announcer, frame, still, clamp, decimals, mean, onTheme, gradient, paint,
  };
})(globalThis);
