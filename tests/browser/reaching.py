"""Going through a page by the Tab key: no control is passed over and none holds the focus."""

from __future__ import annotations

from playwright.sync_api import Page

from tests.browser import seeing

MOST_TABS = 120
MARK_WHAT_CAN_BE_USED = """() => {
  const usable = "a[href], button, input, select, textarea, summary, [role=slider], [role=radio], [role=combobox]";
  const shown = (e) => e.checkVisibility({opacityProperty: true, visibilityProperty: true}) && e.tabIndex >= 0
    && !e.disabled && e.getBoundingClientRect().width > 1;
  return Array.from(document.querySelectorAll(usable)).filter(shown).map((e, i) => (e.dataset.usable = i, [
    String(i), `${e.tagName} ${e.ariaLabel ?? ""} ${e.textContent.slice(0, 40)}`]));
}"""
WHERE_THE_FOCUS_IS = """() => {
  const at = document.activeElement, group = at?.closest("[role=radiogroup]");
  return group ? Array.from(group.querySelectorAll("[data-usable]"), (e) => e.dataset.usable)
    : at?.dataset.usable ? [at.dataset.usable] : [];
}"""


def _marked(page: Page) -> dict[str, str]:
    """What can be used, each with its mark, once nothing on the page is replaced any more."""
    for _ in range(20):
        found: dict[str, str] = dict(page.evaluate(MARK_WHAT_CAN_BE_USED))
        seeing.wait(page)
        if page.locator("[data-usable]").count() == len(found):
            return found
    raise AssertionError("the page does not come to rest")


def passed_over(page: Page) -> dict[str, str]:
    """What can be used and is not reached by Tab; within a group the arrows go on."""
    left = _marked(page)
    assert len(left) > 10
    for _ in range(2 * MOST_TABS):
        page.keyboard.press("Tab")
        for reached in page.evaluate(WHERE_THE_FOCUS_IS):
            left.pop(reached, None)
        if not left:
            break
    return left
