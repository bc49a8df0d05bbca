/* What the theme leaves undone on a page: it works without this script, too. */

document.addEventListener("DOMContentLoaded", () => setTimeout(() => {
  /* The list of contents lies over the page on a phone: it goes once a heading is chosen. */
  const contents = document.getElementById("pst-secondary-sidebar-checkbox");
  for (const link of document.querySelectorAll(".bd-sidebar-secondary a[href^='#']")) {
    link.addEventListener("click", () => { if (contents.checked) contents.click(); });
  }

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
        input.dispatchEvent(new Event("change"));
        setTimeout(() => content.setAttribute("hidden", "until-found"));
      });
    }
  }
}));
