"""A page in a real browser: what goes wrong while it loads, and how its parts lie at a width."""

import html
import json
import re
import shutil
import subprocess

import pytest

BROWSER = shutil.which("chromium")
needs_browser = pytest.mark.skipif(BROWSER is None, reason="needs a browser: apt-get install chromium")
# Measures the page; its title then holds the result.
_PROBE = """<script>
const wrong = [];
addEventListener("error", event => wrong.push(String(event.message || event.target.outerHTML)), true);
addEventListener("load", () => {
  document.querySelectorAll("details").forEach(item => item.open = true);
  const box = item => item.getBoundingClientRect();
  const outside = [...document.querySelectorAll("body *")].filter(item => !item.closest(".scroll")
    && box(item).right > innerWidth + 1).map(item => item.tagName);
  const texts = [...document.querySelectorAll("figure svg")].map(svg => [...svg.querySelectorAll("text")]);
  const inside = (inner, outer) => inner.left >= outer.left - 1 && inner.right <= outer.right + 1
    && inner.top >= outer.top - 1 && inner.bottom <= outer.bottom + 1;
  const meet = (a, b) => a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 1 && b.top < a.bottom - 1;
  const cut = [], overlapping = [];
  for (const items of texts) {
    for (const [number, item] of items.entries()) {
      if (!inside(box(item), box(item.closest("svg")))) cut.push(item.textContent);
      for (const other of items.slice(number + 1))
        if (meet(box(item), box(other))) overlapping.push(item.textContent + " / " + other.textContent);
    }
  }
  for (const item of document.querySelectorAll(".legend li, figcaption, h1, h2, h3, summary, .name"))
    if (item.scrollWidth > item.clientWidth + 1) cut.push(item.textContent);
  const entries = list => [...list.children].map(item => item.textContent);
  const legends = [...document.querySelectorAll(".legend")].map(entries);
  const pictures = [...document.querySelectorAll("img")].map(item => [item.naturalWidth, item.alt]);
  const settings = [...document.querySelectorAll(".settings td")].map(cell => ({
    label: getComputedStyle(cell, "::before").content, left: box(cell).left, right: box(cell).right,
    cut: cell.scrollWidth > cell.clientWidth + 1 || cell.closest(".scroll") != null}));
  const sizes = texts.flat().map(item => box(item).height);
  const title = JSON.stringify({width: innerWidth, scroll: document.documentElement.scrollWidth, outside, wrong, cut,
                                overlapping, legends, pictures, settings, smallest: Math.min(...sizes)});
  document.title = title;
});
</script>"""


def measured(page, folder, width):
    """Returns what the probe finds of the file `page`, all details unfolded, in a window of `width` pixels.

    `folder` is for the files that this takes.
    """
    probed, frame = folder / f"probed-{width}.html", folder / f"frame-{width}.html"
    probed.write_text(page.read_text().replace("<head>", "<head>" + _PROBE))
    # A window is at least 500 pixels wide, so the page is shown in a frame of the width asked for.
    frame.write_text(
        f'<iframe src="{probed.name}" style="width:{width}px;height:4000px;border:0"></iframe>'
        "<script>addEventListener('load', () => setTimeout(() => document.body.dataset.found = "
        "frames[0].document.title, 100))</script>"
    )
    command = [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync"]
    command += ["--disable-background-networking", "--disable-component-update", "--allow-file-access-from-files"]
    command += [f"--user-data-dir={folder / 'profile'}", "--virtual-time-budget=5000", "--window-size=1400,4200"]
    command += ["--enable-logging=stderr", "--dump-dom", frame.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    found = re.search(r'data-found="([^"]*)"', done.stdout)
    assert found, done.stderr[-2000:]
    return json.loads(html.unescape(found[1])) | {
        "console": [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    }


def assert_reads_well(found, width):
    """Asserts that a page is as wide as its window, with nothing cut off, no labels in each other, and no error."""
    assert found["width"] == width
    assert found["wrong"] == found["console"] == []
    assert found["scroll"] <= width
    assert found["outside"] == []
    assert found["cut"] == []
    assert found["overlapping"] == []
    assert found["smallest"] >= 9  # pixels: text in figures stays legible
    assert all(natural > 0 and text for natural, text in found["pictures"])
