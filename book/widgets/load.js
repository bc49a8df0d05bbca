/**
 * Fills the page's widgets, each once the reader comes near it.
 *
 * A widget is <section class="gru-widget" data-widget="strip" data-models="gru-256">, with a still
 * figure in it, which stays if anything fails.
 */
(function () {
  "use strict";

  const here = new URL(".", document.currentScript.src);
  const files = {
    front: ["front.css", "front.js"],
    train: ["train.css", "learn.js", "train.js"],
    strip: ["strip.css", "strip.js"],
    two: ["strip.css", "strip.js"],
    scrubber: ["scrubber.css", "scrubber.js"],
    byhand: ["scrubber.css", "byhand.js"],
  };
  /** @type {Map<string, Promise<void>>} */
  const loaded = new Map();

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

  /** @param {HTMLElement} container */
  async function fill(container) {
    const { widget, models } = container.dataset, names = models.split(/\s+/).filter(Boolean);
    try {
      await Promise.all(["gru.js", "parts.js"].map(load));
      await Promise.all([...files[widget], ...names.map((name) => `${name}-weights.js`)].map(load));
      globalThis.gruWidgets[widget](container, globalThis.gruModels ?? {});
      container.dataset.ready = "";
    } catch (error) {
      const note = document.createElement("p");
      note.textContent = `This figure stays still: ${error.message}.`;
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
})();
