/* While one reads: what a link leads to, seen beside it, and the way back to where one was. */

document.addEventListener("DOMContentLoaded", () => setTimeout(() => {
  const article = document.querySelector(".bd-article");
  if (!article) return;
  const make = (tag, parts, options = {}) => {
    const made = Object.assign(document.createElement(tag), options);
    made.append(...parts);
    return made;
  };
  const words = (heading) => [...heading.childNodes].filter((part) => !part.matches?.(".headerlink"))
    .map((part) => part.textContent).join("").trim();

  /* A card shows the formula, the figure or the reference that a link leads to. */
  const pages = new Map([[location.pathname, document]]);
  const open = async ({ pathname, href }) => {
    if (!pages.has(pathname)) {
      if (location.protocol === "file:") return;
      const text = await (await fetch(href)).text();
      pages.set(pathname, new DOMParser().parseFromString(text, "text/html"));
    }
    return pages.get(pathname);
  };
  const contents = async (link) => {
    const there = (await open(link))?.getElementById(decodeURIComponent(link.hash.slice(1)));
    const shown = there && [...there.querySelectorAll("figure")].find((each) => each.checkVisibility());
    const of = shown ?? there?.querySelector("figure") ?? there;
    if (!of) return link.hasAttribute("aria-description") ? [make("p", [link.getAttribute("aria-description")])] : [];
    const parts = of.matches(".citation") ? of.querySelectorAll("p") : of.matches("div.math") ? of.querySelectorAll("math")
      : of.matches("figure") ? of.querySelectorAll("img, figcaption") : of.matches("table") ? [of] : [];
    return [...parts].map((part) => {
      const copy = document.importNode(part, true);
      for (const each of copy.querySelectorAll(".headerlink")) each.remove();
      for (const each of [copy, ...copy.querySelectorAll("[id]")]) each.removeAttribute("id");
      for (const each of copy.querySelectorAll("a")) each.replaceWith(...each.childNodes);
      if (copy.src) copy.src = new URL(part.getAttribute("src"), link.href);
      return copy;
    });
  };

  const card = make("div", [], { id: "preview", className: "preview", popover: "manual", role: "tooltip" });
  article.append(card);
  let owner, timer;
  const later = (wait, act) => { clearTimeout(timer); timer = setTimeout(act, wait); };
  const place = () => {
    if (!owner) return;
    const at = owner.getBoundingClientRect(), below = at.bottom + 8, { width, height } = card.getBoundingClientRect();
    const top = below + height < innerHeight || at.top < height + 16 ? below : at.top - 8 - height;
    card.style.left = `${Math.max(8, Math.min(at.left, document.documentElement.clientWidth - width - 8))}px`;
    card.style.top = `${top}px`;
  };
  const hide = () => {
    clearTimeout(timer);
    owner?.removeAttribute("aria-describedby");
    owner = undefined;
    card.hidePopover?.();
  };
  const show = async (link) => {
    if (owner === link) return;
    hide();
    owner = link;
    const parts = await contents(link).catch(() => []);
    if (owner !== link || !parts.length) return;
    card.ariaLabel = link.textContent;
    card.replaceChildren(...parts);
    card.style.fontSize = "";
    card.showPopover?.();
    const wide = card.scrollWidth / card.clientWidth;
    if (wide > 1) card.style.fontSize = `${Math.max(.6, 1 / wide)}rem`; // all of a formula, on a phone
    link.setAttribute("aria-describedby", card.id);
    place();
    for (const image of card.querySelectorAll("img")) image.addEventListener("load", place);
  };
  for (const link of article.querySelectorAll("a[href*='#equation-'], a:has(> .std-numref), a[href*='references.html#']")) {
    if (link.matches(".headerlink")) continue;
    if (link.title) {
      link.setAttribute("aria-description", link.title); // in place of the browser's own card
      link.removeAttribute("title");
    }
    link.addEventListener("pointerenter", ({ pointerType }) => { if (pointerType === "mouse") later(250, () => show(link)); });
    link.addEventListener("pointerleave", () => later(250, hide));
    link.addEventListener("focus", () => { if (link.matches(":focus-visible")) show(link); });
    link.addEventListener("blur", hide);
    link.addEventListener("click", hide);
  }
  card.addEventListener("pointerenter", () => clearTimeout(timer));
  card.addEventListener("pointerleave", () => later(250, hide));
  addEventListener("keydown", ({ key }) => { if (key === "Escape") hide(); });
  addEventListener("scroll", place, { passive: true });

  /* The place kept: of this page, and of the page read last. */
  const root = new URL(document.documentElement.dataset.content_root, location), home = new URL("index.html", root).pathname;
  const page = location.pathname.endsWith("/") ? home : location.pathname, store = `place:${root.pathname}`;
  const kept = () => { try { return JSON.parse(localStorage.getItem(store)); } catch { /* nothing is kept */ } };
  const places = kept() ?? { of: {} };
  const title = article.querySelector("h1"), headings = [...article.querySelectorAll("section[id] > :is(h2, h3)")];
  const was = places.of[page === home ? places.last : page];
  const came = performance.getEntriesByType("navigation")[0]?.type;
  if (was && !location.hash && scrollY < 100 && (page === home || came === "navigate")) {
    const name = page === home ? `${was.title}: ${was.heading}` : was.heading;
    const link = make("a", ["Continue where you were: ", make("b", [name])], { href: was.address });
    const close = make("button", ["×"], { type: "button", ariaLabel: "Do not continue there" });
    const offer = make("nav", [link, close], { className: "place", ariaLabel: "Where you were" });
    const away = () => { if (scrollY > innerHeight || location.hash) offer.remove(); };
    close.addEventListener("click", () => offer.remove());
    link.addEventListener("click", () => setTimeout(away));
    addEventListener("scroll", away, { passive: true });
    article.prepend(offer);
  }
  let idle;
  const keep = () => {
    const heading = headings.findLast((each) => each.getBoundingClientRect().top < innerHeight / 3);
    if (!heading) return;
    const here = { title: words(title), heading: words(heading), address: `${page}#${heading.parentElement.id}` };
    const known = { of: { ...kept()?.of, [page]: here }, last: page };
    try { localStorage.setItem(store, JSON.stringify(known)); } catch { /* it stays as it was */ }
  };
  if (title && page !== home) addEventListener("scroll", () => { clearTimeout(idle); idle = setTimeout(keep, 300); }, { passive: true });
}));
