/**
 * Fills the page's widgets, each once the reader comes near it.
 *
 * A widget is <section class="gru-widget" data-widget="strip" data-models="gru-256">, with a still
 * figure in it. The figure keeps its place, its name and its caption: the widget is put into it, and
 * the picture is folded below the widget. If anything fails, the figure stays as it was.
 */
(function () {
  "use strict";

  const here = new URL(".", document.currentScript.src);
  const files = {
    front: ["front.css", "front.js"],
    cell: ["cell.css", "cell.js"],
    train: ["train.css", "learn.js", "train.js"],
    strip: ["strip.css", "tour.js", "find.js", "strip.js"],
    two: ["strip.css", "strip.js"],
    scrubber: ["scrubber.css", "scrubber.js"],
    byhand: ["scrubber.css", "byhand.js"],
  };
  /** @type {Map<string, Promise<void>>} */
  const loaded = new Map();
  /** @type {Map<HTMLElement, Promise<object | undefined>>} */
  const filled = new Map();

  /**
   * Load a script or style sheet, once.
   * @param {string} file
   * @returns {Promise<void>}
   */
  function load(file) {
    if (!loaded.has(file)) {
      loaded.set(file, new Promise((resolve, reject) => {
        const style = file.endsWith(".css");
        const element = document.createElement(style ? "link" : "script");
        if (style) element.rel = "stylesheet";
        element[style ? "href" : "src"] = new URL(file, here).href;
        element.onload = () => resolve();
        element.onerror = () => reject(new Error(`${file} cannot be loaded`));
        document.head.append(element);
      }));
    }
    return loaded.get(file);
  }

  globalThis.gruLoad = load;

  /** Put a widget into the figure, and fold the picture. @param {HTMLElement} container */
  function place(container, widget) {
    const { make, frame } = globalThis.gruParts;
    const figure = container.querySelector("figure"), picture = figure.firstElementChild;
    const folded = make("details", { class: "gw-still" },
      make("summary", {}, "The picture of the caption"));
    picture.replaceWith(frame(container.getAttribute("aria-label"), widget), folded);
    folded.append(picture);
  }

  /** Fill a container, once. @param {HTMLElement} container */
  function fill(container) {
    if (!filled.has(container)) filled.set(container, work(container));
    return filled.get(container);
  }

  /** @param {HTMLElement} container */
  async function work(container) {
    const { widget, models } = container.dataset, names = models.split(/\s+/).filter(Boolean);
    try {
      await Promise.all(["gru.js", "parts.js", "frame.css"].map(load));
      await Promise.all([...files[widget], ...names.map((name) => `${name}-weights.js`)].map(load));
      const made = globalThis.gruWidgets[widget](globalThis.gruModels ?? {});
      place(container, made);
      container.dataset.ready = "";
      return made;
    } catch (error) {
      const note = document.createElement("p");
      note.textContent = `This figure stays still: ${error.message}.`;
      container.dataset.failed = "";
      container.append(note);
    }
  }

  const near = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      near.unobserve(entry.target);
      fill(/** @type {HTMLElement} */ (entry.target));
    }
  }, { rootMargin: "600px" });
  document.querySelectorAll(".gru-widget").forEach((container) => near.observe(container));

  /**
   * Show the state of an address such as #strip?text=a+word&at=3. The page goes there when the
   * address is new; on the way back through the history the browser has its own place.
   */
  async function follow() {
    const [, name, state] = /^#([a-z]+)\?(.*)$/.exec(location.hash) ?? [];
    const container = name && document.querySelector(`.gru-widget[data-widget="${name}"]`);
    if (!container) return;
    const isNew = !history.state?.seen;
    history.replaceState({ ...history.state, seen: true }, "");
    if (isNew) container.scrollIntoView({ behavior: "instant" });
    (await fill(container))?.follow?.(new URLSearchParams(state), isNew);
  }

  for (const link of document.querySelectorAll("a[data-state]")) {
    link.hash = link.dataset.state;
    link.addEventListener("click", (event) => {
      if (link.hash !== location.hash) return;
      event.preventDefault(); // the address stays, so that no event would follow
      history.replaceState(null, "");
      follow();
    });
  }
  addEventListener("popstate", follow);
  follow();
})();
