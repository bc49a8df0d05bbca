/**
 * A tour through the gate strip: each step sets its state, as an address does, and says what is there.
 *
 * A classic script. It needs parts.js.
 */
(function (root) {
  "use strict";

  const { make, decimals, mean } = root.gruParts;

  const QUOTED = "the time traveller for so it will be convenient to speak of him";
  const MISQUOTED = "the time traveller for so it would be easier to call him";
  const OPEN = "thickness and duration but through a naturalinfirmity of the";
  const LONG = "our mental existences which are immaterial and haveno dimensions";

  /** The values of a quantity of the chosen unit at the characters from one to another. */
  function values({ steps, unit }, symbol, from = 1, to = steps.length) {
    return steps.slice(from - 1, to).map((step) => step[symbol][unit]);
  }

  /** The mean loss at the characters from one to another, in nats. */
  function loss({ steps, text, reader: { network } }, from, to = text.length) {
    return mean(steps.slice(from - 2, to - 1).map(({ logits }, i) =>
      -Math.log(root.gru.softmax(logits)[network.ids.get(text[from - 1 + i])])));
  }

  /** The probability of a character after the chosen one, in per cent. */
  function share({ steps, at, reader }, character) {
    const value = Math.round(100 * root.gru.softmax(steps[at].logits)[reader.network.ids.get(character)]);
    return value ? `${value}%` : "less than 1%";
  }

  /**
   * @typedef {object} Stop
   * @property {Record<string, string | number>} state  as in an address
   * @property {string} look  what is outlined: a map, the letters or the next characters
   * @property {(strip: object) => string} words  its numbers are those of the network
   */
  /** @type {Stop[]} */
  const STOPS = [
    {
      state: { text: QUOTED, at: 18, unit: 129, maps: "zh" },
      look: "z",
      words: ({ steps, at }) => "A column is a character, a row one of the 256 units. Where the map " +
        "of the update gate is dark, a unit keeps its state. Most cells are pale: over “traveller” " +
        `the mean of the gates is ${decimals(mean(steps.slice(at - 8, at + 1).map(({ z }) => mean(z))))}.`,
    },
    {
      state: { text: OPEN, at: 53, unit: 226, maps: "zh", span: "46-53" },
      look: "z",
      words: (strip) => "The gate of unit 226 stays above 0.9 for the eight characters “nfirmity”, " +
        `where its mean is ${decimals(mean(values(strip, "z", 46, 53)))}. In the whole training text, ` +
        "which has lost its line breaks, no gate does so for longer.",
    },
    {
      state: { text: LONG, at: 63, unit: 226, maps: "zh", span: "28-63" },
      look: "h",
      words: (strip) => "The state of the same unit stays above 0.5 for 36 characters in a row, from " +
        "“␣are” to “dimension”; nowhere in the training text does a state stay on one side for " +
        `longer. Its least value there is ${decimals(Math.min(...values(strip, "h", 28, 63)))}.`,
    },
    {
      state: { text: LONG, at: 46, unit: 226, maps: "nh", span: "28-63" },
      look: "n",
      words: (strip) => "The gate alone does not hold that state: over the 36 characters it is " +
        `${decimals(mean(values(strip, "z", 28, 63)))} on average and falls to ` +
        `${decimals(Math.min(...values(strip, "z", 28, 63)))}. The candidate writes the same value ` +
        `again and again: ${decimals(mean(values(strip, "n", 28, 63)))} on average.`,
    },
    {
      state: { text: QUOTED, at: 34, unit: 103, maps: "h", behind: "unit" },
      look: "letters",
      words: ({ steps, text, unit }) => {
        const spaces = [...text].flatMap((character, i) => character === " " ? [steps[i].h[unit]] : []);
        const letters = [...text].flatMap((character, i) => character !== " " ? [steps[i].h[unit]] : []);
        return `The text has the colours of unit 103: grey above 0, red below. At all ${spaces.length} ` +
          `spaces its state is above 0, ${decimals(mean(spaces))} on average, but also at ` +
          `${letters.filter((value) => value > 0).length} of the ${letters.length} letters. So it follows ` +
          "spaces, but is no detector of them.";
      },
    },
    {
      state: { text: MISQUOTED, at: 30, unit: 103, maps: "" },
      look: "next",
      words: (strip) => "This text quotes the novel up to “so it w”, where the novel goes on with " +
        `“will”. The network gives “i” a probability of ${share(strip, "i")}, and the “o” that comes ` +
        `here ${share(strip, "o")}. Up to there its loss is ${decimals(loss(strip, 2, 30))} nats a ` +
        `character on average, from there on ${decimals(loss(strip, 31))}.`,
    },
  ];

  class Tour {
    /** @param {object} strip  with show, look, live and what the words read */
    constructor(strip) {
      this.strip = strip;
      this.at = 0;
      this.button = make("button", { type: "button", "aria-expanded": "false" }, "Take the tour");
      this.words = make("p", { class: "gw-strip-tour-words" });
      this.count = make("span", {});
      this.back = make("button", { type: "button" }, "Back");
      this.next = make("button", { type: "button" }, "Next");
      this.box = make("div", { class: "gw-strip-tour", role: "group", "aria-label": "Tour" },
        this.words, make("div", { class: "gw-row" }, this.back, this.next, this.count));
      this.box.hidden = true;
      this.button.addEventListener("click", () => this.box.hidden ? this.go(0) : this.close());
      this.back.addEventListener("click", () => this.at && this.go(this.at - 1));
      this.next.addEventListener("click", () => {
        if (this.at + 1 < STOPS.length) this.go(this.at + 1);
        else {
          this.close();
          this.button.focus();
        }
      });
    }

    /** @param {number} at  the step, from 0 */
    go(at) {
      const { state, look, words } = STOPS[this.at = at];
      this.strip.set(new URLSearchParams(state));
      this.open(true);
      this.strip.look(look);
      this.words.textContent = words(this.strip);
      this.count.textContent = `${at + 1} of ${STOPS.length}`;
      this.back.setAttribute("aria-disabled", String(!at));
      this.next.textContent = at + 1 < STOPS.length ? "Next" : "End";
      this.strip.live.say(`${this.count.textContent}. ${this.words.textContent}`);
    }

    /** @param {boolean} open */
    open(open) {
      this.box.hidden = !open;
      this.button.setAttribute("aria-expanded", String(open));
      this.button.textContent = open ? "End the tour" : "Take the tour";
    }

    close() {
      this.open(false);
      this.strip.look("");
    }
  }

  Object.assign(root.gruStrip ??= {}, { Tour });
})(globalThis);
