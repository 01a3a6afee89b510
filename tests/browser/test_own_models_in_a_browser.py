"""A person's own model, from plain PyTorch through the browser: what is on screen is what autograd gives."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from playwright.sync_api import Browser, Page, expect
from torch import Tensor, nn
from torchvision.models import resnet18

from pages.shell.narrow import CHOICES
from tests.browser import home_made, seeing, streamlit_ids
from tests.browser.conftest import Server, tab
from tests.browser.home_made import SmallResNet, SmallTransformer

pytestmark = pytest.mark.browser


# ------------------------------------------------------------------------------------------------------- through a tab


def bring(page: Page, file: Path) -> None:
    """Open the dialog and choose a file; the form is there after it."""
    page.get_by_test_id(streamlit_ids.SIDEBAR).get_by_role("button", name="Bring your own model").click()
    choose(page, file)
    expect(page.get_by_role("button", name="Use this model")).to_be_visible(timeout=60_000)
    seeing.wait(page)


def choose(page: Page, file: Path) -> None:
    """Choose a model file in the dialog."""
    page.get_by_role("dialog").locator("input[type=file]").first.set_input_files(file)


def plain_range(page: Page) -> None:
    """The whole image, as numbers from 0 to 1."""
    page.get_by_role("dialog").get_by_text("Change the preprocessing").click()
    page.get_by_role("radio", name="Squeeze").click()
    seeing.wait(page)
    page.get_by_role("radio", name="0 to 1").click()
    expect(page.get_by_text("Mean 0, 0, 0; standard deviation 1, 1, 1")).to_be_visible()
    seeing.wait(page)


def name_classes(page: Page, text: str) -> None:
    """Paste names of the classes."""
    page.get_by_role("dialog").get_by_text("Names of the classes").click()
    page.get_by_role("textbox", name="One per line in the order of the classes").fill(text)
    page.keyboard.press("Control+Enter")
    seeing.wait(page)


def use(page: Page) -> str:
    """Use the model; its key in the address."""
    page.get_by_role("button", name="Use this model").click()
    expect(page.get_by_role("dialog")).to_have_count(0, timeout=60_000)
    page.wait_for_function("new URL(location.href).searchParams.get('model')?.startsWith('upload/')", timeout=60_000)
    seeing.wait(page)
    return str(seeing.choice(page, "model"))


def upload_image(page: Page, file: Path) -> None:
    """Upload an image, and wait until it is shown."""
    page.get_by_test_id(streamlit_ids.POPOVER_BUTTON).filter(has_text="Upload").click()
    page.get_by_test_id(streamlit_ids.POPOVER_BODY).locator("input[type=file]").set_input_files(file)
    page.wait_for_function("new URL(location.href).searchParams.get('image')?.startsWith('upload/')", timeout=30_000)
    expect(page.get_by_test_id(streamlit_ids.POPOVER_BODY)).to_have_count(0)
    seeing.wait(page)


# --------------------------------------------------------------------------------------------------------- the truth


def truth(model: nn.Module, pixels: np.ndarray, site: str) -> tuple[int, Tensor, Tensor, Tensor]:
    """The predicted class; ∂logit/∂x; what the module ``site`` gives, and ∂logit/∂it: by autograd alone."""
    x = home_made.as_input(pixels).requires_grad_()
    kept: list[Tensor] = []
    handle = model.get_submodule(site).register_forward_hook(lambda _m, _i, out: kept.append(out))
    logits = model(x)[0]
    handle.remove()
    top = int(logits.argmax())
    slope, inner = torch.autograd.grad(logits[top], [x, kept[0]])
    return top, slope[0], kept[0][0].detach(), inner[0]


def unit_truth(model: nn.Module, pixels: np.ndarray, site: str, index: tuple[int, ...]) -> Tensor:
    """∂unit/∂x, by autograd alone."""
    x = home_made.as_input(pixels).requires_grad_()
    kept: list[Tensor] = []
    handle = model.get_submodule(site).register_forward_hook(lambda _m, _i, out: kept.append(out))
    model(x)
    handle.remove()
    (slope,) = torch.autograd.grad(kept[0][0][index], [x])
    return slope[0]


def check_same(rows: list[list[float]], expected: Tensor) -> None:
    """What is drawn is what is expected, to float32's rounding."""
    assert float(expected.abs().max()) > 0
    np.testing.assert_allclose(np.array(rows), expected.numpy(), atol=2e-5 * float(expected.abs().max()))


# ---------------------------------------------------------------------------------------------------- two own models


def test_a_home_made_resnet_from_training_to_every_page(
    visited: Server, page: Page, browser: Browser, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    model = SmallResNet()
    assert home_made.train(model, 40, 0.008) > 0.9
    home_made.export(model, tmp_path / "blobs <script>alert(1)</script>.pt2".replace("/", "∕"))
    (file,) = tmp_path.glob("*.pt2")
    pixels = home_made.picture(1, tmp_path / "columns.png")

    page.goto(visited.address("saliency?model=preset/shapes-cnn"))
    seeing.check_drawn(page, "gradient")
    bring(page, file)
    expect(page.get_by_role("dialog")).to_contain_text(f"input 1×3×{home_made.SIDE}×{home_made.SIDE} · 3 scores")
    plain_range(page)
    name_classes(page, "\n".join(home_made.CLASSES))
    key = use(page)
    upload_image(page, tmp_path / "columns.png")

    top, slope, stem, inner = truth(model, pixels, "stem.0")
    assert home_made.CLASSES[top] == "columns"
    expect(page.get_by_test_id(streamlit_ids.MAIN).get_by_text("predicted columns (1)")).to_be_visible(timeout=20_000)
    expect(page.get_by_text(f"From {home_made.SIDE}×{home_made.SIDE} PNG")).to_be_visible()
    check_same(seeing.heatmap(page, "gradient"), slope.sum(0))

    seeing.go(page, "Neurons")
    seeing.check_drawn(page, "gallery")
    page.get_by_test_id(streamlit_ids.MAIN).get_by_label("Layer output", exact=True).click()
    page.get_by_role("option", name="stem.0 · Conv2d").click()
    page.wait_for_function("location.search.includes('site=stem.0')")
    seeing.wait(page)  # until then the fields still belong to the layer output before
    for name, value in (("Row", "5"), ("Column", "6"), ("Channel", "3")):
        page.get_by_label(name, exact=True).fill(value)
        page.keyboard.press("Enter")
        seeing.wait(page)
    expect(page.get_by_text("How unit (channel 3, row 5, column 6) of stem.0")).to_be_visible(timeout=30_000)
    check_same(seeing.heatmap(page, "activation"), stem[3])
    check_same(seeing.heatmap(page, "gradient"), unit_truth(model, pixels, "stem.0", (3, 5, 6)).sum(0))
    expect(page.get_by_text("Computed by home_made.py")).to_be_visible()

    seeing.go(page, "Layers")
    page.get_by_role("radio", name="Gradient", exact=True).click()
    page.wait_for_function("location.search.includes('maps=gradient')")
    seeing.check_drawn(page, "channels")
    check_same(seeing.heatmap(page, "channel"), inner[3])

    with tab(browser) as other:
        other.goto(page.url)
        check_same(seeing.heatmap(other, "channel"), inner[3])
        expect(other.get_by_test_id(streamlit_ids.SIDEBAR).get_by_label("Model", exact=True)).to_have_value(
            f"{file.stem} · {key[7:13]}"
        )


def test_a_home_made_transformer_from_training_to_every_page(visited: Server, page: Page, tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = SmallTransformer()
    assert home_made.train(model, 60, 0.004) > 0.8
    home_made.export(model, tmp_path / "patches.pt2")
    pixels = home_made.picture(2, tmp_path / "disc.png")

    page.goto(visited.address("saliency?model=preset/shapes-cnn"))
    seeing.check_drawn(page, "gradient")
    upload_image(page, tmp_path / "disc.png")
    bring(page, tmp_path / "patches.pt2")
    plain_range(page)
    use(page)
    _, slope, patches, inner = truth(model, pixels, "patches")
    check_same(seeing.heatmap(page, "gradient"), slope.sum(0))

    page.goto(page.url.replace("/saliency?", "/neurons?") + "&site=patches&channel=5&row=2&col=3")
    check_same(seeing.heatmap(page, "activation"), patches[5])
    check_same(seeing.heatmap(page, "gradient"), unit_truth(model, pixels, "patches", (5, 2, 3)).sum(0))
    seeing.go(page, "Layers")
    page.get_by_role("radio", name="Gradient", exact=True).click()
    page.wait_for_function("location.search.includes('maps=gradient')")
    check_same(seeing.heatmap(page, "channel"), inner[5])

    page.goto(page.url.partition("feature-maps")[0] + "neurons?" + page.url.partition("?")[2].partition("&site")[0])
    seeing.check_drawn(page, "gallery")
    expect(page.get_by_test_id(streamlit_ids.MAIN).get_by_test_id(streamlit_ids.ALERT)).to_have_count(0)


def test_a_training_checkpoint_with_labels_from_a_file(visited: Server, page: Page, tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = resnet18(num_classes=5).eval()
    checkpoint = {
        "epoch": 9,
        "state_dict": {f"module.{k}": v for k, v in model.state_dict().items()},
        "best_acc1": torch.tensor(70.0),
        "optimizer": torch.optim.SGD(model.parameters(), 0.1, momentum=0.9).state_dict(),
        "args": argparse.Namespace(lr=0.1, out=tmp_path),
    }
    torch.save(checkpoint, tmp_path / "five.pth.tar")
    (tmp_path / "labels.txt").write_text("cat\ndog\n<b>emu</b>\nfox\ngnu\n")
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "noise.bmp")

    page.goto(visited.address("saliency?model=preset/shapes-cnn"))
    seeing.check_drawn(page, "gradient")
    bring(page, tmp_path / "five.pth.tar")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_label("Architecture")).to_have_value("resnet18, 5 classes, 102 of 102 tensors match")
    expect(dialog.get_by_text("Left out: 'epoch', 'best_acc1', 'optimizer', 'args'.")).to_be_visible()
    expect(dialog.get_by_text("no code of theirs was run: argparse.Namespace, pathlib.PosixPath.")).to_be_visible()
    dialog.get_by_text("Names of the classes").click()
    dialog.locator("input[type=file]").set_input_files(tmp_path / "labels.txt")
    expect(dialog.get_by_role("textbox", name="One per line in the order of the classes")).to_have_value(
        "cat\ndog\n<b>emu</b>\nfox\ngnu", timeout=20_000
    )
    plain_range(page)
    for side in ("Input height", "Input width"):
        dialog.get_by_label(side).fill("64")
        page.keyboard.press("Enter")
        seeing.wait(page)
    use(page)
    upload_image(page, tmp_path / "noise.bmp")
    page.get_by_test_id(streamlit_ids.SIDEBAR).get_by_label("Target", exact=True).press("ArrowDown")
    page.get_by_role("option", name="<b>emu</b> (2)").click()
    page.wait_for_function("location.search.includes('target=2')")
    x = home_made.as_input(pixels).requires_grad_()
    (slope,) = torch.autograd.grad(model(x)[0, 2], [x])
    check_same(seeing.heatmap(page, "gradient"), slope[0].sum(0))
    expect(page.get_by_test_id(streamlit_ids.MAIN).get_by_text("<b>emu</b> (2)").first).to_be_visible()


# -------------------------------------------------------------------------------------------------- what goes wrong


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained model as a file."""
    file = tmp_path_factory.mktemp("small") / "small.pt2"
    torch.manual_seed(1)
    home_made.export(SmallResNet(), file)
    return file


def test_wrong_files_and_wrong_answers_are_said_and_lose_nothing(
    visited: Server, page: Page, small: Path, tmp_path: Path
) -> None:
    torch.save(nn.Linear(2, 2), tmp_path / "whole module.pt")
    (tmp_path / "broken.pt2").write_bytes(small.read_bytes()[:5000])
    (tmp_path / "notes.txt").write_text("hello")
    (tmp_path / "empty.safetensors").write_bytes(b"")
    page.goto(visited.address("?target=4"))
    seeing.check_drawn(page, "gradient")
    before = page.url
    page.get_by_test_id(streamlit_ids.SIDEBAR).get_by_role("button", name="Bring your own model").click()
    said: set[str] = set()
    for name in ("notes.txt", "empty.safetensors", "broken.pt2", "whole module.pt"):
        choose(page, tmp_path / name)
        alert = page.get_by_role("dialog").get_by_test_id(streamlit_ids.ALERT)
        page.wait_for_function(
            streamlit_ids.filled("""(seen) => { const a = document.querySelector("[role=dialog] $ALERT");
                           return a && !seen.includes(a.textContent); }"""),
            arg=list(said),
            timeout=30_000,
        )
        text = alert.text_content() or ""
        assert "Traceback" not in text
        assert str(tmp_path) not in text
        said.add(text)
    assert page.url == before
    choose(page, small)
    expect(page.get_by_role("button", name="Use this model")).to_be_visible(timeout=60_000)
    expect(page.get_by_role("dialog").get_by_test_id(streamlit_ids.ALERT_CONTENT_ERROR)).to_have_count(0)
    name_classes(page, "one\ntwo")
    page.get_by_role("button", name="Use this model").click()
    expect(page.get_by_text("There are 2 names for 3 classes")).to_be_visible(timeout=20_000)
    page.get_by_role("textbox", name="One per line in the order of the classes").fill("")
    page.keyboard.press("Control+Enter")
    seeing.wait(page)
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.get_by_test_id(streamlit_ids.SIDEBAR).get_by_role("button", name="Bring your own model").click()
    use(page)
    seeing.check_drawn(page, "gradient")
    assert seeing.choice(page, "target") is None, "a class of one model means nothing in another"


def test_a_model_that_is_used_on_a_page_without_pictures_leads_to_its_picture(
    visited: Server, page: Page, small: Path
) -> None:
    page.goto(visited.address("export"))
    page.get_by_role("button", name="Bring your own model").last.click()
    choose(page, small)
    expect(page.get_by_role("button", name="Use this model")).to_be_visible(timeout=60_000)
    use(page)
    expect(page.get_by_role("heading", name="Input saliency")).to_be_visible(timeout=30_000)
    seeing.check_drawn(page, "gradient")


def test_impatient_clicks_in_the_dialog_end_at_the_last_one(visited: Server, page: Page, small: Path) -> None:
    page.goto(visited.address("saliency?model=preset/shapes-cnn"))
    seeing.check_drawn(page, "gradient")
    bring(page, small)
    page.get_by_role("dialog").get_by_text("Change the preprocessing").click()
    for name in ("0 to 1", "ImageNet", "0 to 255", "−1 to 1") * 3:
        page.get_by_role("dialog").get_by_role("radio", name=name).click(no_wait_after=True)
    expect(page.get_by_text("Mean 0.5, 0.5, 0.5; standard deviation 0.5, 0.5, 0.5")).to_be_visible(timeout=20_000)
    seeing.wait(page)
    page.get_by_role("button", name="Use this model").dblclick(no_wait_after=True)
    expect(page.get_by_role("dialog")).to_have_count(0, timeout=60_000)
    page.wait_for_function("location.search.includes('upload')")
    seeing.check_drawn(page, "gradient")
    page.get_by_role("button", name="What is this?").click()
    expect(page.get_by_text("48×48 RGB").first).to_contain_text("mean 0.5, 0.5, 0.5")


def test_a_change_keeps_image_and_target_in_a_fresh_session_too(
    visited: Server, page: Page, browser: Browser, small: Path
) -> None:
    page.goto(visited.address("?image=sample/star"))
    seeing.check_drawn(page, "gradient")
    bring(page, small)
    old = use(page)
    page.goto(visited.address(f"?image=sample/star&target=2&model={old}"))
    before = seeing.heatmap(page, "gradient")
    with tab(browser) as other:
        other.goto(page.url)
        seeing.check_drawn(other, "gradient")
        other.get_by_role("button", name="Change preprocessing or labels").click()
        expect(other.get_by_label("Title")).to_have_value("small", timeout=20_000)
        plain_range(other)
        name_classes(other, "a\nb\nc")
        new = use(other)
        other.wait_for_function("(old) => !location.search.includes(old)", arg=old[7:])
        assert (seeing.choice(other, "image"), seeing.choice(other, "target")) == ("sample/star", "2")
        new = str(seeing.choice(other, "model"))
        assert seeing.heatmap(other, "gradient") != before
        expect(other.get_by_test_id(streamlit_ids.MAIN).get_by_text("logit of c (2)").first).to_be_visible()
    assert new != old


def test_the_dialog_fits_a_phone_and_can_be_used_without_a_mouse(
    visited: Server, browser: Browser, small: Path
) -> None:
    with tab(browser, width=390) as page:
        page.goto(visited.address("saliency?model=preset/shapes-cnn"))
        seeing.check_drawn(page, "gradient")
        page.get_by_role("button", name=CHOICES, exact=True).press("Enter")
        page.get_by_test_id(streamlit_ids.SIDEBAR).get_by_role("button", name="Bring your own model").focus()
        page.keyboard.press("Enter")
        choose(page, small)
        expect(page.get_by_role("button", name="Use this model")).to_be_visible(timeout=60_000)
        seeing.wait(page)
        for control in page.get_by_role("dialog").locator("input:visible, textarea:visible, button:visible").all():
            name: Callable[[], str] = control.evaluate_handle(
                "(e) => e.ariaLabel || e.labels?.[0]?.textContent || e.textContent || e.title"
            ).json_value
            assert name().strip(), control.evaluate("(e) => e.outerHTML")
        box = page.get_by_role("dialog").bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 390
        page.get_by_role("button", name="Use this model").focus()
        page.keyboard.press("Enter")
        expect(page.get_by_role("dialog")).to_have_count(0, timeout=60_000)
        page.wait_for_function("location.search.includes('upload')")


def test_export_and_about_pages(visited: Server, page: Page) -> None:
    page.goto(visited.address("export"))
    expect(page.get_by_role("heading", name="Export a model")).to_be_visible(timeout=30_000)
    expect(page.get_by_text("torch.export.save").first).to_be_visible()
    seeing.wait(page)
    page.get_by_text("About GradViz").click()
    expect(page.get_by_text("An upload cannot run its own code")).to_be_visible()
