"""A busy desk in light and dark: every word can be read."""

import pytest

from tests.desk.conftest import Visit
from tests.desk.fake_desk import FakeDesk, row
from tests.desk.scenes import busy_day

pytestmark = pytest.mark.browser

CONTRASTS = """() => {
  const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const rgba = (color) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = color;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const light = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map((c) => (c /= 255) <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const ground = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const color = rgba(getComputedStyle(e).backgroundColor);
      if (color[3] > 250) return color;
    }
    return rgba(getComputedStyle(document.body).backgroundColor);
  };
  const faint = [];
  for (const e of document.querySelectorAll('#desk *')) {
    const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
    if (!own || !e.getClientRects().length || e.closest('[aria-hidden], :disabled, [aria-disabled], .unseen')) continue;
    const [one, other] = [light(rgba(getComputedStyle(e).color)), light(ground(e))].sort((a, b) => b - a);
    const ratio = (one + 0.05) / (other + 0.05);
    if (ratio < 4.5) faint.push(`${e.className || e.localName} ${e.textContent.slice(0, 20)} ${ratio.toFixed(2)}`);
  }
  return faint;
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_word_of_a_busy_desk_can_be_read(desk: FakeDesk, visit: Visit, scheme: str) -> None:
    first = busy_day(desk)
    page = visit(desk, "?view=all", color_scheme=scheme)
    row(page, first).click()
    page.locator("#draft .draft-text").wait_for()
    page.locator("#panel .past").wait_for()
    assert page.evaluate(CONTRASTS) == []
