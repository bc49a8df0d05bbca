/* What the theme leaves undone on a page: it works without this script, too. */

/* An address that ends in ?framework=torch chooses it, once, before the tabs look for the choice. */
const asked = new URLSearchParams(location.search).get("framework")?.replace(/^torch$/, "pytorch");
if (["mxnet", "pytorch"].includes(asked)) {
  try {
    localStorage.setItem("sphinx-design-tab-id-framework", asked);
    history.replaceState(history.state, "", location.pathname + location.hash);
  } catch { /* for this page only */ }
}

document.addEventListener("DOMContentLoaded", () => setTimeout(() => {
  /* One switch for all tabs, in the bar that stays. */
  const tabs = [...document.querySelectorAll("label[data-sync-group='framework']")].slice(0, 2);
  if (tabs.length) {
    const group = Object.assign(document.createElement("div"), { className: "framework", role: "group", ariaLabel: "Framework of the code" });
    const buttons = tabs.map((label) => {
      const button = Object.assign(document.createElement("button"), { type: "button", textContent: label.textContent.trim() });
      button.addEventListener("click", () => document.getElementById(label.htmlFor).click());
      if (label.dataset.syncId === asked) button.click();
      return button;
    });
    const tell = () => buttons.forEach((button, at) => { button.ariaPressed = document.getElementById(tabs[at].htmlFor).checked; });
    document.addEventListener("change", tell);
    tell();
    group.append(...buttons);
    document.querySelector(".article-header-buttons").prepend(group);
    document.documentElement.classList.add("switched");
  }

  /* The list of contents lies over the page on a phone: it goes once a heading is chosen. */
  const contents = document.getElementById("pst-secondary-sidebar-checkbox");
  for (const link of document.querySelectorAll(".bd-sidebar-secondary a[href^='#']")) {
    link.addEventListener("click", () => { if (contents.checked) contents.click(); });
  }

  /* A formula that scrolls takes the keyboard, where it has no number that does. */
  const sized = new ResizeObserver((entries) => {
    for (const { target } of entries) {
      if (target.scrollWidth > target.clientWidth) target.tabIndex = 0;
      else target.removeAttribute("tabindex");
    }
  });
  document.querySelectorAll("div.math:not(:has(a))").forEach((formula) => sized.observe(formula));

  /* A fold is named after what it shows. */
  for (const button of document.querySelectorAll(".admonition > .admonition-title > .toggle-button")) {
    const box = button.closest(".admonition"), [title] = box.firstElementChild.childNodes;
    const words = box.firstElementChild.textContent.trim() || title.textContent;
    const before = box.previousElementSibling?.closest(".exercise")?.querySelector(".caption-number");
    button.ariaLabel = box.matches(".hint") && before ? `${words} for ${before.textContent.trim()}` : words;
  }
  for (const summary of document.querySelectorAll(".cell details.hide > summary")) {
    const name = summary.closest(".cell").querySelector(".caption-number")
      ?? summary.closest("section").querySelector("h1, h2, h3");
    const words = [...name.childNodes].filter((part) => !part.matches?.(".headerlink")).map((part) => part.textContent);
    const hidden = Object.assign(document.createElement("span"), { className: "visually-hidden" });
    hidden.textContent = ` (${words.join("").trim()})`;
    summary.append(hidden);
  }

  /* The browser's search finds the words of the other tab, and opens it. */
  if ("onbeforematch" in document.body) {
    for (const content of document.querySelectorAll(".sd-tab-content")) {
      const input = content.previousElementSibling.previousElementSibling;
      content.setAttribute("hidden", "until-found");
      content.addEventListener("beforematch", () => {
        input.checked = true;
        input.dispatchEvent(new Event("change", { bubbles: true }));
        setTimeout(() => content.setAttribute("hidden", "until-found"));
      });
    }
  }
}));
