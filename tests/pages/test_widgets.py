"""What a reader can try out in the pages: in a real browser, as a file and over http."""

import io
import re
from urllib.parse import urlsplit

import numpy
import pytest
import reference_gru as ref
from mxnet import cpu, np
from PIL import Image
from tools_of_the_build import ROOT
from visits import BOTH, Visit

from benchmarks import export_weights as export

WIDGETS = ("strip", "two", "scrubber", "byhand")
# The network of the page, in a script that the page runs.
NET = """
  const { tokens, numHiddens, snapshots } = gruModels["gru-256"];
  const net = new gru.GRU(gru.unpack(snapshots[0].params, numHiddens, tokens.length), tokens);
"""


@pytest.fixture(scope="module")
def gates(browser, html):
    """The page in a browser, for what one test leaves as the others find it."""
    went = Visit(browser, f"{html.as_uri()}/gates.html")
    yield went
    assert went.wrong == []
    went.context.close()


@pytest.mark.parametrize("scheme", ["file", "http"])
def test_all_is_filled_when_needed_without_an_error_and_from_here(visit, server, scheme):
    went = visit("gates", base=server if scheme == "http" else None)
    assert not [url for url in went.asked if "weights" in url]
    assert all(went.fill(name).locator("input, button").count() for name in WIDGETS)
    assert [url for url in went.asked if url.endswith("/widgets/gru-32-weights.js")]
    assert went.wrong == []
    assert {urlsplit(url).scheme for url in went.asked} <= {scheme, "data"}
    assert {urlsplit(url).netloc for url in went.asked} <= {urlsplit(server).netloc, ""}


def test_its_logits_are_those_of_mxnet_and_of_numpy(gates):
    """With 1,000 characters, and in both orders of the reset."""
    entry = export.read(ROOT / "book" / "widgets" / "gru-256-weights.js")
    params, text = entry["snapshots"][0]["params"], entry["text"][:1000]
    ids = [[entry["tokens"].index(character) for character in text]]
    model = export.to_model(params)
    theirs, _ = model(np.array(ids, dtype="int32"), model.begin_state(1, cpu()))
    p = ref.from_gluon(model.rnn, model.dense)
    one = p | {"b_h": p["b_h"] + p["c_h"]}  # before the product, all of it is one bias
    gates.fill("strip")
    for reset, of_reset in (("after", p), ("before", one)):
        ours = gates.page.evaluate(
            """([text, reset]) => {
              NET
              let h = net.begin();
              return [...text].map((character) => {
                const step = net.step(character, h, reset);
                h = step.h;
                return [...step.logits];
              });
            }""".replace("NET", NET),
            [text, reset],
        )
        inputs = ref.one_hot(ids, len(entry["tokens"]))
        exact, _, _ = ref.forward(inputs, numpy.zeros((1, 256)), of_reset, reset)
        assert numpy.abs(exact - numpy.array(ours)).max() < 1e-9
        if reset == "after":  # mostly MXNet's own rounding
            assert numpy.abs(theirs.asnumpy() - numpy.array(ours)).max() < 1e-4


def test_its_gradient_is_that_of_pytorch_and_shows_what_drives_a_prediction(gates, torch):
    entry = export.read(ROOT / "book" / "widgets" / "gru-256-weights.js")
    text, tokens = entry["text"][:61], entry["tokens"]
    arrays = {key: torch.tensor(value) for key, value in entry["snapshots"][0]["params"].items()}
    layer = torch.nn.GRU(len(tokens), 256)
    for key, name in zip(("W_x", "W_h", "b_x", "b_h"), layer._flat_weights_names, strict=True):
        getattr(layer, name).data = arrays[key].reshape(getattr(layer, name).shape)
    ids = torch.tensor([tokens.index(character) for character in text])
    inputs = torch.nn.functional.one_hot(ids[:-1], len(tokens)).float().requires_grad_()
    last = layer(inputs)[0][-1]
    logits = arrays["W_q"].reshape(len(tokens), 256) @ last + arrays["b_q"].flatten()
    torch.nn.functional.cross_entropy(logits, ids[-1]).backward()
    strip = gates.fill("strip")
    ours = gates.page.evaluate(
        """(text) => {
          NET
          const steps = net.read(text.slice(0, -1)), target = tokens.indexOf(text.at(-1));
          return [...net.backward(steps, target)].reverse().map((gradient) => [...gradient]);
        }""".replace("NET", NET),
        text,
    )
    assert abs(inputs.grad.numpy() - numpy.array(ours)).max() < 1e-4 < abs(inputs.grad).max()
    strip.get_by_label("Text to read").fill(text[:-1])
    strip.locator("[id$=-maps]").press("ArrowLeft")
    strip.get_by_text(f"What comes after “{text[-3]}” is a space").wait_for()
    assert strip.locator(".gw-strip-shades rect").count() == 59
    strip.get_by_role("button", name="Exchange each character").click()
    strip.locator(".gw-strip-losses rect").nth(58).wait_for(state="attached")
    strip.get_by_role("button", name="Reset", exact=True).click()


def test_sampling_matching_and_unpacking(gates):
    gates.fill("strip")
    found = gates.page.evaluate(
        """() => {
          const refused = (work) => { try { work(); } catch (error) { return error.name; } };
          const random = gru.randomFrom(7), draw = () => gru.choose([0, Math.log(3)], 1, random);
          const { params } = gruModels["gru-256"].snapshots[0];
          return {
            ones: Array.from({ length: 4000 }, draw).reduce((a, b) => a + b),
            greedy: gru.choose([0, 1], 0, () => 0),
            probabilities: [...gru.softmax([1000, 1001, 999])],
            matches: gru.matches("abxbcaabc", "aabcb"),
            refused: [255, 257].map((size) => refused(() => gru.unpack(params, size, 28))),
          };
        }"""
    )
    assert abs(found["ones"] / 4000 - 0.75) < 0.03 and found["greedy"] == 1
    exp = numpy.exp([0, 1, -1])
    assert found["probabilities"] == pytest.approx(exp / exp.sum())
    text, source = "abxbcaabc", "aabcb"
    longest = [
        max(
            (j - i for i in range(at + 1) for j in range(at + 1, 10) if text[i:j] in source),
            default=0,
        )
        for at in range(9)
    ]
    assert found["matches"] == longest
    assert found["refused"] == ["RangeError"] * 2


def test_a_figure_keeps_its_name_and_caption_and_its_picture_folded(gates):
    for name in WIDGETS:
        figure = gates.fill(name).locator(f"figure#fig-{name}")
        assert figure.locator("figcaption .caption-number").is_visible()
        assert not figure.locator("img").is_visible()
        figure.locator(".gw-still summary").click()
        assert figure.locator("img").is_visible() and figure.locator("img").get_attribute("alt")
        figure.locator(".gw-still summary").click()


def test_typing_changes_the_gates_and_writing_follows_the_seed(gates):
    strip = gates.fill("strip")
    field = strip.get_by_label("Text to read")
    field.fill("Hello, world")
    title = strip.locator(".gw-strip-lens .gw-strip-title")
    assert "Character 12 of 12, “d”" in title.inner_text()
    assert strip.locator(".gw-strip-letters").text_content().replace("\xa0", " ") == "hello  world"
    before = strip.locator("dl").inner_text()
    strip.locator("[id$=-maps]").focus()
    for key in ("ArrowLeft", "ArrowDown"):
        gates.page.keyboard.press(key)
    assert "Character 11 of 12" in title.inner_text() and strip.locator("dl").inner_text() != before
    expected = gates.page.evaluate(
        """() => {
          NET
          return [1, 2].map((seed) => net.write("the ", 40, 1, gru.randomFrom(seed)));
        }""".replace("NET", NET)
    )
    field.fill("the ")
    written, canvas = strip.locator("[id$=-written]"), strip.locator("canvas[role=img]").first
    for seed, text in zip("12", expected, strict=True):
        gates.page.emulate_media(reduced_motion="reduce" if seed == "2" else "no-preference")
        strip.get_by_label("Seed").fill(seed)
        strip.get_by_role("button", name="Write on").click()
        if seed == "1":  # one by one, and the maps follow
            strip.get_by_role("button", name="Stop").wait_for()
            strip.get_by_role("button", name="Write on").wait_for()
        assert written.text_content().replace("\xa0", " ").endswith(text)
        assert "of 44" in title.inner_text() and canvas.get_attribute("width") == "44"
    gates.page.emulate_media(reduced_motion="no-preference")
    assert strip.locator(".gw-strip-next li").count() == 8
    strip.get_by_role("button", name="one letter").click()
    assert field.input_value() == "a" * 40
    strip.get_by_role("button", name="Reset", exact=True).click()
    assert "Character 18 of 63" in title.inner_text()


def test_each_unit_has_a_pixel_that_the_pointer_reaches_in_silence(gates):
    """So do the keys and a tap into a lens, which are spoken."""
    strip = gates.fill("strip")
    title = strip.locator(".gw-strip-lens .gw-strip-title")
    canvas = strip.locator("canvas[role=img]").first
    canvas.evaluate("canvas => canvas.scrollIntoView({ block: 'center' })")
    status = strip.get_by_role("status")
    gates.page.wait_for_timeout(400)
    before, box, seen = status.text_content(), canvas.bounding_box(), []
    for y in range(256):
        gates.page.mouse.move(box["x"] + 15, box["y"] + y + 0.5)
        seen.append(int(title.inner_text().rsplit(" ", 1)[1]))
    assert seen == list(range(1, 257))
    gates.page.wait_for_timeout(400)
    assert status.text_content() == before
    strip.locator("[id$=-maps]").press("PageUp")
    lens = strip.locator(".gw-strip-glass canvas").first
    lens.click(position={"x": lens.bounding_box()["width"] - 2, "y": 2})
    assert "Character 7 of" in title.inner_text() and "unit 235" in title.inner_text()
    status.get_by_text("unit 235").wait_for(state="attached")


# Whether something stands in the window.
NEAR = "Math.abs(document.querySelector(`{}`).getBoundingClientRect().y - 450) < 450"
# What the tour says of the network, in numbers of its own: one list a step.
TOLD = """() => {
  NET
  const part = (text, symbol, unit, from, to) =>
    net.read(text).slice(from - 1, to).map((step) => step[symbol][unit - 1]);
  const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const shares = (text) => net.read(text).map(({ logits }) => gru.softmax(logits));
  const [quoted, misquoted] = ["will be convenient to speak of him", "would be easier to call him"]
    .map((end) => `the time traveller for so it ${end}`);
  const open = "thickness and duration but through a naturalinfirmity of the";
  const long = "our mental existences which are immaterial and haveno dimensions";
  const [z, n, h] = [..."znh"].map((symbol) => part(long, symbol, 226, 28, 63));
  const space = (is) => part(quoted, "h", 103, 1, 99).filter((_, i) => is === (quoted[i] === " "));
  const given = shares(misquoted), chance = (i) => given[i - 1][tokens.indexOf(misquoted[i])];
  const loss = (from, to) => mean([...misquoted].flatMap((_, i) =>
    i >= from && i < to ? [-Math.log(chance(i))] : []));
  const nine = net.read(quoted).slice(9, 18).map((step) => mean(step.z));
  return [[mean(nine)], [mean(part(open, "z", 226, 46, 53))], [Math.min(...h)],
    [mean(z), Math.min(...z), mean(n)],
    [space(true).length, mean(space(true)), space(false).filter((value) => value > 0).length, 51],
    [100 * given[29][tokens.indexOf("i")], loss(1, 30), loss(30, 99)],
    [Math.min(...part(open, "z", 226, 46, 53)) > 0.9, Math.min(...h) > 0.5, h.length === 36,
      Math.min(...space(true)) > 0, chance(30) < 0.005]];
}"""


def test_the_tour_says_what_is_true_and_shows_it(gates):
    strip = gates.fill("strip")
    *told, true = gates.page.evaluate(TOLD.replace("NET", NET))
    assert all(true)
    for run in ("stayed there for 8 characters", "same side for 36 characters"):
        assert gates.page.get_by_text(run).count()  # as measured in all of the training text
    strip.get_by_role("button", name="Take the tour").click()
    box = strip.get_by_role("group", name="Tour")
    for step, numbers in enumerate(told, 1):
        words = box.inner_text()
        assert f"{step} of 6" in words and strip.locator(".gw-strip-lit").count() == 1
        for number in numbers:
            whole = number > 50 or (step == 5 and number > 1)
            shown = f"{number:.0f}" if whole else f"{number:.2f}"
            assert re.search(rf"\b{shown}\b", words), (step, shown, words)
        if step == 2:
            strip.get_by_role("status").get_by_text("2 of 6. The gate").wait_for(state="attached")
            box.get_by_role("button", name="Back").press("Enter")
            assert "1 of 6" in box.inner_text()
            box.get_by_role("button", name="Next").press("Enter")
        box.get_by_role("button", name="End" if step == 6 else "Next").press("Enter")
    assert not box.is_visible() and strip.locator(".gw-strip-lit").count() == 0
    assert gates.page.evaluate("document.activeElement.textContent") == "Take the tour"
    strip.get_by_role("button", name="Reset", exact=True).click()


@BOTH
def test_an_address_and_a_numbered_word_show_a_state_and_leave_the_history_alone(visit):
    """Other anchors of the page lead where they led; a link copied there opens the same state."""
    went = visit("gates")
    page, strip = went.page, went.page.locator(".gru-widget[data-widget=strip]")
    title = strip.locator(".gw-strip-lens .gw-strip-title")
    field = strip.get_by_label("Text to read")
    links = page.locator("a[data-state]")
    links.nth(4).click()
    title.get_by_text("Character 53 of 60, “y”, unit 226").wait_for()
    assert strip.locator(".gw-strip-map .gw-strip-span").first.bounding_box()["width"] == 80
    assert strip.locator("[id$=-maps]").evaluate("region => region === document.activeElement")
    went.until(NEAR.format(".gw-strip-letters"))
    links.nth(5).click()
    title.get_by_text("Character 63 of 64").wait_for()
    went.until(NEAR.format(".gw-strip-letters"))
    page.go_back()
    title.get_by_text("Character 53 of 60").wait_for()
    went.until(NEAR.format("[data-state*='h&span']"))
    field.fill("another")
    links.nth(4).click()  # the address is this already
    title.get_by_text("Character 53 of 60").wait_for()
    went.until(NEAR.format(".gw-strip-letters"))
    page.evaluate("location.hash = 'the-seams'")
    went.until(NEAR.format("#the-seams"))
    field.fill("<b>&+%")
    strip.get_by_label("Order of the units").select_option("gate")
    strip.get_by_role("button", name="candidate n").click()
    strip.get_by_role("button", name="Copy link").click()
    went.until("location.hash.startsWith('#strip?text=')")
    address, shown = page.url, strip.locator("dl").inner_text()
    page.goto("about:blank")
    page.goto(address)
    title.get_by_text("Character 6 of 6").wait_for()
    assert strip.locator("dl").inner_text() == shown
    assert strip.locator("canvas[role=img]:visible").count() == 3
    page.evaluate("location.hash = 'strip?at=-3&unit=999&maps=%0&span=9-2&order=x&text=%E2%82%AC'")
    title.get_by_text("Character 1 of 1, “space”, unit 256").wait_for()
    assert went.wrong == []


def test_a_span_finds_its_units_and_their_places_in_the_training_text(visit):
    """By the keys, a drag and two taps; the list follows the rule that stands beside it."""
    went = visit("gates", viewport={"width": 1200, "height": 900}, has_touch=True)
    strip, page = went.fill("strip"), went.page
    page.evaluate("gruModels['gru-256'].text = gruModels['gru-256'].text.slice(0, 400)")
    found, letters = strip.locator(".gw-find"), strip.locator(".gw-strip-letters")
    units = found.locator("li button")
    strip.locator("[id$=-maps]").press("Home")
    for _ in range(2):
        strip.locator("[id$=-maps]").press("Shift+ArrowRight")
    found.get_by_text("in the span “the” and outside").wait_for()
    letters.evaluate("letters => letters.scrollIntoView({ block: 'center', behavior: 'instant' })")
    box = letters.bounding_box()
    x, y = box["x"] + 5, box["y"] + 9
    page.mouse.move(x + 40, y)
    page.mouse.down()
    for right in (50, 60, 70):
        page.mouse.move(x + right, y)
    page.mouse.up()
    found.get_by_text("in the span “time” and outside").wait_for()
    expected, number = page.evaluate(
        """() => {
          NET
          const size = (steps, unit) =>
            steps.reduce((sum, { h }) => sum + Math.abs(h[unit]), 0) / steps.length;
          const steps = net.read("the time traveller for so it will be convenient to speak of him");
          const inside = steps.slice(4, 8), outside = [...steps.slice(0, 4), ...steps.slice(8)];
          const score = (unit) => size(inside, unit) - size(outside, unit);
          const [best] = [...Array(256).keys()].sort((a, b) => score(b) - score(a));
          const level = inside.reduce((sum, { h }) => sum + h[best], 0) / 4;
          const sign = Math.sign(level);
          const there = net.read(gruModels["gru-256"].text)
            .filter(({ h }) => sign * h[best] >= sign * level);
          return [`unit ${best + 1}: ${size(inside, best).toFixed(2)}, ` +
            size(outside, best).toFixed(2), there.length];
        }""".replace("NET", NET)
    )
    assert units.count() == 8 and units.first.inner_text() == expected
    units.first.click()
    strip.get_by_role("button", name="Where else").click()
    strip.get_by_text(f"At {number} of 400 characters of the training text").wait_for()
    assert number and strip.locator(".gw-find-context").count()
    strip.get_by_label("Behind the text").select_option("unit")
    assert strip.locator(".gw-strip-band").is_visible()
    strip.get_by_role("button", name="Choose a span").tap()
    page.wait_for_timeout(200)
    box = letters.bounding_box()
    for at in (9, 17):
        page.touchscreen.tap(box["x"] + 10 * at + 5, box["y"] + 9)
    found.get_by_text("in the span “traveller” and outside").wait_for()
    strip.locator("[id$=-maps]").press("Escape")
    found.get_by_text("No span is chosen.").wait_for()
    strip.get_by_label("Text to read").fill("")
    strip.locator("[id$=-maps]").press("Shift+End")
    assert went.wrong == []


def test_the_two_orders_part_where_it_says(gates):
    two = gates.fill("two")
    ours = gates.page.evaluate(
        """() => {
          NET
          return ["after", "before"].map((reset) => net.write("time traveller", 50, 0, 0, reset));
        }""".replace("NET", NET)
    )
    part = next(i for i, (a, b) in enumerate(zip(*ours, strict=True), 1) if a != b)
    assert f"They part at character {part}" in two.inner_text()
    steps = gates.page.evaluate(
        """async (input) => {
          const { step } = gru.GRU.prototype, counts = [0];
          gru.GRU.prototype.step = function (...given) {
            counts[0]++;
            return step.apply(this, given);
          };
          input.value += "s";
          input.dispatchEvent(new Event("input"));
          counts.push(counts[0]); // in the event itself
          const typed = () => input.closest(".gw-two").querySelector(".gw-two-typed").textContent;
          while (!typed().endsWith("s")) await new Promise(requestAnimationFrame);
          gru.GRU.prototype.step = step;
          return counts;
        }""",
        two.get_by_label("Text to read").element_handle(),
    )
    assert steps[1] == 0 and 100 <= steps[0] <= 151  # what was typed before is not read again
    two.get_by_role("region", name="The two texts").press("PageDown")
    assert "Character 18 of 65, “" in two.inner_text() and "unit 145" in two.inner_text()
    label = two.locator("canvas").first
    before = label.get_attribute("aria-label")
    two.get_by_label("before the product").check()
    assert label.get_attribute("aria-label") != before


def test_dragging_the_epoch_moves_curve_text_and_gates(gates):
    scrubber = gates.fill("scrubber")
    handle = scrubber.get_by_role("slider", name="epoch")
    seen = set()
    for key in ("Home", "PageUp", "End"):
        handle.press(key)
        numbers = scrubber.locator(".gw-scrub-numbers").inner_text()
        assert numbers == handle.get_attribute("aria-valuetext")
        written = scrubber.locator(".gw-scrub-written").inner_text()
        assert ("␣" in written) == (key != "End") and "  " not in written
        labels = [c.get_attribute("aria-label") for c in scrubber.locator("canvas").all()]
        seen.add((numbers, written, *labels))
    assert len(seen) == 3 and any(moment[0].startswith("epoch 500") for moment in seen)
    scrubber.get_by_role("button", name="play").click()
    playing = scrubber.locator(".gw-scrub-numbers", has_text=re.compile("^epoch 2"))
    playing.wait_for(timeout=30_000)
    scrubber.get_by_role("button", name="pause").click()


SOLUTIONS = {
    "A": [("z", 1, "0")],
    "B": [("z", 1, "0"), ("z", 11, "0"), ("r", 11, "0")],
    "C": [("r", 8, "0")],
}


def test_the_exercises_know_when_they_are_solved(gates):
    byhand = gates.fill("byhand")
    verdict = byhand.locator(".gw-hand-verdict")
    for task, steps in SOLUTIONS.items():
        byhand.get_by_role("button", name=f"{task}:").click()
        assert verdict.get_attribute("data-solved") == "false"
        assert verdict.inner_text().startswith("Not yet")
        if task in "AB":
            byhand.get_by_role("button", name="all z to 1").click()
            assert verdict.get_attribute("data-solved") == "false"
        for gate, at, value in steps:
            byhand.get_by_label(f"{gate} at step {at}", exact=True).fill(value)
        assert verdict.get_attribute("data-solved") == "true"
        assert verdict.inner_text().startswith("Solved")
        assert byhand.get_by_role("button", name=f"✓ {task}:").count()
        byhand.get_by_role("button", name="Reset").click()
        assert verdict.get_attribute("data-solved") == "false"


def test_a_finger_that_swipes_scrolls_and_taps_and_drags_set_bars(visit):
    """A finger that rests before it moves paints, as a mouse does."""
    went = visit("gates", viewport={"width": 360, "height": 640}, has_touch=True)
    byhand, finger = went.fill("byhand"), went.context.new_cdp_session(went.page)
    bars, board = byhand.locator(".gw-hand-bar-z"), byhand.locator(".gw-hand-scroll")

    def touch(kind, *points):
        points = [{"x": x, "y": y} for x, y in points]
        finger.send("Input.dispatchTouchEvent", {"type": f"touch{kind}", "touchPoints": points})

    def drag(at, right, down, rest=0):
        box = bars.nth(at).bounding_box()
        x, y = box["x"] + 9, box["y"] + 2
        touch("Start", (x, y))
        went.page.wait_for_timeout(rest)
        for part in range(1, 11):
            touch("Move", (x + part * right / 10, y + part * down / 10))
            went.page.wait_for_timeout(16)
        touch("End")
        return bars.evaluate_all("bars => bars.map((bar) => Number(bar.control.value))")

    bars.first.evaluate("bar => bar.scrollIntoView({ block: 'center' })")
    before = went.page.evaluate("scrollY")
    assert drag(3, 0, -80) == [0.5] * 20 and went.page.evaluate("scrollY") > before + 50
    assert drag(3, -80, 0) == [0.5] * 20 and board.evaluate("board => board.scrollLeft") > 50
    assert drag(7, 0, 0)[6:9] == [0.5, 1, 0.5]
    assert drag(7, 40, 0, rest=400)[6:10] == [0.5, 1, 1, 0.5]
    ends = [bars.nth(step).bounding_box() for step in (6, 9)]
    for press, end in zip((went.page.mouse.down, went.page.mouse.up), ends, strict=True):
        went.page.mouse.move(end["x"] + 9, end["y"] + end["height"] - 2)
        press()
    assert drag(4, 0, -80)[5:11] == [0.5, 0, 0, 0, 0, 0.5]


MEANT = {  # what shows something by its colour alone
    "strip": (".gw-strip-scale i", ".gw-strip-track i", "button[aria-pressed=true]"),
    "two": (".gw-strip-scale i", "rect"),
    "scrubber": (".gw-scrub-bar",),
    "byhand": (".gw-hand-bar-r i", "button[aria-pressed=true]"),
}


def test_what_a_colour_means_is_seen_in_forced_colours_and_printed(gates):
    gates.page.emulate_media(forced_colors="active")
    for name, selectors in MEANT.items():
        for selector in selectors:
            found = gates.fill(name).locator(selector).first
            image = Image.open(io.BytesIO(found.screenshot())).convert("L")
            assert (numpy.asarray(image) != 255).mean() > 0.3, (name, selector)
            style = found.evaluate("part => getComputedStyle(part).printColorAdjust")
            assert style == "exact" or selector == "rect", (name, selector)
    gates.page.emulate_media(forced_colors="none")


@pytest.mark.parametrize("width", [1400, 768, 360])
def test_nothing_shifts_and_nothing_is_too_wide(visit, width):
    went = visit("gates", viewport={"width": width, "height": 800})
    at = {name: went.page.locator(f".gru-widget[data-widget={name}]") for name in WIDGETS}
    heights = {name: widget.bounding_box()["height"] for name, widget in at.items()}
    for name, height in heights.items():
        assert abs(went.fill(name).bounding_box()["height"] - height) < 5, name
    assert went.page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_failure_leaves_the_figure_and_says_why(browser, html):
    page = browser.new_page()
    page.route("**/gru-32-weights.js", lambda route: route.abort())
    page.goto(f"{html.as_uri()}/gates.html")
    scrubber = page.locator(".gru-widget[data-widget=scrubber]")
    scrubber.scroll_into_view_if_needed()
    scrubber.get_by_text("This figure stays still: gru-32-weights.js cannot be loaded.").wait_for()
    assert scrubber.locator("figure img").count() == 1
    page.close()


def test_who_wants_less_motion_gets_none(visit):
    went = visit("gates", reduced_motion="reduce")
    assert not went.fill("scrubber").get_by_role("button", name="play").is_visible()


def test_gradients_of_the_page_are_pytorchs(visit, torch):
    """Of a minibatch that goes on from states that are not zero."""
    V, H, B, T = 5, 6, 3, 7
    page = visit("gru-concise").fill("train").page
    layer, dense = torch.nn.GRU(V, H, batch_first=True).double(), torch.nn.Linear(H, V).double()
    parts = [layer.weight_ih_l0, layer.weight_hh_l0, layer.bias_ih_l0, layer.bias_hh_l0]
    parts += [dense.weight, dense.bias]
    X, Y = torch.randint(0, V, (2, B, T))
    begun = torch.randn(B, H).double()
    out, last = layer(torch.nn.functional.one_hot(X, V).double(), begun[None])
    loss = torch.nn.functional.cross_entropy(dense(out).flatten(0, 1), Y.flatten())
    loss.backward()
    theirs = page.evaluate(
        """([p, X, Y, begun, V, H]) => {
          const states = begun.map((row) => Float64Array.from(row));
          const grad = new Float64Array(p.length);
          const loss = gruLearn.backward(Float64Array.from(p), X, Y, states, grad, V, H);
          return [loss, [...grad], states.map((state) => [...state])];
        }""",
        [torch.cat([part.detach().flatten() for part in parts]).tolist(),
         X.tolist(), Y.tolist(), begun.tolist(), V, H],
    )  # fmt: skip
    ours = [loss.item(), torch.cat([p.grad.flatten() for p in parts]).tolist(), last[0].tolist()]
    for a, b in zip(theirs, ours, strict=True):
        numpy.testing.assert_allclose(a, b, atol=1e-9)


@BOTH
def test_a_network_learns_in_the_page_until_it_is_out_of_sight(visit):
    went = visit("gru-concise")
    train = went.fill("train")
    numbers, curve = train.locator(".gw-train-numbers"), train.locator("polyline")
    train.get_by_role("button", name="Train", exact=True).click()
    numbers.get_by_text(re.compile(r"^Epoch [1-9]")).wait_for()
    assert float(re.search(r"perplexity ([\d.]+)", numbers.inner_text())[1]) < 20
    assert len(curve.get_attribute("points").split()) > 3 and train.locator("li").count()
    went.page.evaluate("scrollTo(0, 0)")
    train.get_by_role("button", name="Train", exact=True).wait_for(state="attached")
    train.get_by_text("Another text").click()
    train.get_by_label("Text to learn").fill("too short")
    train.get_by_role("button", name="Train", exact=True).click()
    numbers.get_by_text("too short: it needs at least 201 characters").wait_for()
    train.get_by_role("button", name="Reset").click()
    assert numbers.inner_text() == "Nothing learned yet." and not curve.get_attribute("points")
    assert went.wrong == []


@BOTH
def test_the_front_page_shows_its_findings_once_it_is_touched(visit):
    went = visit("index")
    front = went.fill("front")
    assert not [url for url in went.asked if "weights" in url]
    said, letters = front.locator(".gw-front-said"), front.locator(".gw-front-letters")
    assert front.locator("img:visible").count() == 1
    front.get_by_role("button", name="A seam").click()
    said.get_by_text("training ask for the space after “no”").wait_for()
    assert "has no" in letters.inner_text().replace("\xa0", " ").replace("\n", "")
    assert letters.locator(".gw-front-wrong").count() > 2
    front.get_by_label("Text to read").fill("the time")
    added = front.locator("i").all_inner_texts()
    front.get_by_role("button", name="The other formula").click()
    assert "before the product" in said.inner_text()
    assert front.locator("i").all_inner_texts() != added
    front.get_by_role("button", name="Reset").click()
    assert "after the product" in said.inner_text()
    assert went.wrong == []


@BOTH
def test_the_equations_of_a_step_add_up_in_both_orders(visit):
    """Each number is that of the network, and what is pointed at lights up in drawing and lines."""
    went = visit("gru-scratch")
    cell = went.fill("cell")
    seen = []
    cell.get_by_label("Unit").press("ArrowUp")
    for order in ("after", "before"):
        cell.locator("select").select_option(order)
        cell.get_by_role("button", name="step 8, e").click()
        steps = went.page.evaluate(
            """(order) => {
              const { snapshots, tokens, numHiddens } = gruModels["gru-32"];
              const params = gru.unpack(snapshots.at(-1).params, numHiddens, tokens.length);
              const steps = new gru.GRU(params, tokens).read("the time", order);
              return ["r", "z", "n", "h"].map((part) => steps[7][part][1]);
            }""",
            order,
        )
        ends = cell.locator(".gw-cell-line > b").all_inner_texts()
        assert ends == [f"{value:.2f}".replace("-", "−") for value in steps]
        seen.append(ends)
        terms = cell.locator(".gw-cell-line").first.locator(".gw-cell-term b").all_inner_texts()
        total = sum(float(term.replace("−", "-")) for term in terms[1:])
        assert 1 / (1 + numpy.exp(-total)) == pytest.approx(steps[0], abs=0.01)
    assert seen[0] != seen[1]
    cell.get_by_role("button", name="update gate").hover()
    assert cell.locator(".gw-cell-lit").count() == 6 and went.wrong == []
