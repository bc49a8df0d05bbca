/* The search: sections of the book, found while one types, in the dialog and on the page search.html. */

(() => {
  const folder = document.currentScript.src.replace(/[^/]*$/, "");
  const FIELDS = ["title", "page", "text", "terms"];

  const load = (name) => new Promise((resolve, reject) => {
    const script = document.createElement("script");
    Object.assign(script, { src: folder + name, onload: resolve, onerror: reject });
    document.head.append(script);
  });

  /* Return a function that finds sections; the stems of words and the words without meaning are Sphinx's. */
  const open = async () => {
    await Promise.all(["minisearch.js", "language_data.js", "sections.js"].map(load));
    const stemmer = new Stemmer(), none = new Set(stopwords), known = new Map();
    const stem = (word) => {
      const low = word.toLowerCase();
      if (!known.has(low)) known.set(low, none.has(low) ? null : stemmer.stemWord(low));
      return known.get(low);
    };
    const plain = (word) => word.toLowerCase();
    const index = new MiniSearch({ fields: FIELDS, processTerm: (word) => [...new Set([stem(word) ?? plain(word), plain(word)])] });
    index.addAll(bookSections.map(([page, title, , text, terms], id) => ({ id, page, title, text, terms })));
    const options = { processTerm: stem, boost: { title: 3, terms: 3, page: 1.5 }, combineWith: "AND", bm25: { k: 1.2, b: .4, d: .5 } };
    return (query) => {
      const phrase = query.trim().toLowerCase();
      const ways = [{}, { processTerm: plain, prefix: true }, { fuzzy: .34 }, { combineWith: "OR", fuzzy: .34 }];
      let found = [];
      for (const way of ways) if (!found.length) found = index.search(query, { ...options, ...way });
      return found.map(({ id, score, terms }) => {
        const [page, title, address, text, defined] = bookSections[id];
        const near = defined.toLowerCase().split(", ").includes(phrase) ? 4
          : `${title} ${text}`.toLowerCase().includes(phrase) ? 2 : 1;
        const hit = (word) => terms.includes(stem(word)) || terms.includes(plain(word));
        const far = title.startsWith("d2l_gru") && !/[_.]/.test(phrase) ? .4 : 1; // pages before functions
        return { page, title, address, text, score: score * near * far, phrase, hit };
      }).sort((a, b) => b.score - a.score).slice(0, 20);
    };
  };

  const make = (tag, parts, options = {}) => {
    const made = Object.assign(document.createElement(tag), options);
    made.append(...parts);
    return made;
  };
  const marked = (text, hit) => text.split(/([\p{L}\p{N}]+)/u)
    .map((part, at) => (at % 2 && hit(part) ? make("mark", [part]) : part));

  /* What stands around the phrase, or the first place with most of the words. */
  const snippet = ({ text, phrase, hit }) => {
    const words = [...text.matchAll(/[\p{L}\p{N}]+/gu)].filter(([word]) => hit(word));
    const count = (from) => new Set(words.filter(({ index }) => index >= from && index < from + 150).map(([word]) => word.toLowerCase())).size;
    let best = text.toLowerCase().indexOf(phrase), most = best < 0 ? 0 : 99;
    for (const { index } of words.slice(0, 60)) if (count(index) > most) [best, most] = [index, count(index)];
    const from = best < 60 ? 0 : text.indexOf(" ", best - 60) + 1;
    const part = text.slice(from, from + 200);
    return (from ? "… " : "") + (from + 200 < text.length ? part.replace(/\s\S*$/, " …") : part);
  };

  const entry = (root) => (found) => {
    const { page, title, address, hit } = found;
    const link = make("a", marked(title, hit), { href: root + address });
    return make("li", [link, ...(page === title ? [] : [make("span", [page], { className: "page" })]),
      make("p", marked(snippet(found), hit))]);
  };

  let ready;
  for (const form of document.querySelectorAll("form.bd-search")) {
    const input = form.querySelector("input"), list = make("ol", []);
    const status = make("p", []), results = make("div", [status, list], { className: "found" });
    status.setAttribute("role", "status");
    form.after(results);
    const show = async () => {
      const query = input.value;
      const find = query.trim() && await (ready ??= open());
      if (query !== input.value) return;
      const found = find ? find(query) : [], many = found.length === 20 ? "The first 20" : found.length;
      list.replaceChildren(...found.map(entry(document.documentElement.dataset.content_root)));
      status.textContent = !find ? "" : `${many || "No"} section${found.length === 1 ? "" : "s"} found`;
    };
    input.addEventListener("input", show);
    results.addEventListener("click", (event) => {
      if (event.target.closest("a")) form.closest(".search-button__wrapper.show")?.classList.remove("show");
    });
    form.parentElement.addEventListener("keydown", (event) => {
      const stops = [input, ...list.querySelectorAll("a")], at = stops.indexOf(event.target);
      const to = stops[at + { ArrowDown: 1, ArrowUp: -1 }[event.key]];
      if (at >= 0 && to) { to.focus(); event.preventDefault(); }
      if (event.key === "Escape" && at > 0) { input.focus(); event.stopPropagation(); }
    });
    if (document.getElementById("search-results") && !form.closest(".search-button__wrapper")) {
      input.value = new URLSearchParams(location.search).get("q");
      show();
    }
  }
})();
