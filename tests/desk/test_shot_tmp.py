import os, pytest
from tests.desk.conftest import page_of
from tests.desk.fake_desk import *
from tests.desk.scenes import busy_day
pytestmark = pytest.mark.browser
OUT="/tmp/shots/"

def test_shots(desk, visit, settings):
    os.makedirs(OUT, exist_ok=True)
    first = busy_day(desk)
    for name, o in {"light":{}, "dark":{"color_scheme":"dark"}, "mid":{"viewport":{"width":1280,"height":760}}, "narrow":{"viewport":{"width":1000,"height":760}}}.items():
        page = visit(desk, "?view=all", **o)
        row(page, first).click()
        page.wait_for_timeout(500); page.clock.run_for(2500)
        page.screenshot(path=OUT+name+".png")
        if name=="light":
            page.keyboard.press("?"); page.wait_for_timeout(200); page.screenshot(path=OUT+"keys.png"); page.keyboard.press("Escape")
            page.keyboard.press("Control+k"); page.keyboard.type("sn"); page.wait_for_timeout(200); page.screenshot(path=OUT+"palette.png"); page.keyboard.press("Escape")
            page.keyboard.press("a"); page.wait_for_timeout(200); page.screenshot(path=OUT+"assign.png"); page.keyboard.press("Escape")
            page.locator(".rail").hover(); page.wait_for_timeout(500); page.screenshot(path=OUT+"rail.png")

def test_phone(desk, visit):
    first = busy_day(desk)
    page = visit(desk, "?view=all", viewport={"width":360,"height":700}, is_mobile=True, has_touch=True)
    page.wait_for_timeout(300); page.screenshot(path=OUT+"phone1.png")
    row(page, first).click(); page.wait_for_timeout(400); page.screenshot(path=OUT+"phone2.png")
    page.locator("#panel-switch").click(); page.wait_for_timeout(300); page.screenshot(path=OUT+"phone3.png")

def test_zh(chinese_desk, analysts_desk, visit):
    zh = chinese_desk; first = busy_day(zh)
    page = visit(zh, "?view=all", locale="zh-CN"); row(page, first).click(); page.wait_for_timeout(500); page.screenshot(path=OUT+"zh.png")
    e = analysts_desk; page = visit(e); page.wait_for_timeout(500); page.screenshot(path=OUT+"empty.png")
