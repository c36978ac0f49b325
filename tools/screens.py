"""Make the pictures of docs/screens.md anew: `python -m tools.screens`.

The page names the pictures; the tests that are named here take them. Chromium makes them small (WebP).
"""

import base64
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from tools import parts
from tools.processes import ROOT

PAGE = ROOT / "docs" / "screens.md"
FOLDER = ROOT / "docs" / "screens"
TESTS = (
    "screens",
    "browser_find",
    "browser_states",
    "browser_desk",
    "confirm_browser",
    "desk_log_browser",
    "press_conditions_browser",
    "account_browser",
    "errors_keep_the_place",
    "question_kept_browser",
    "accessible_pages",
    "every_language",
    "admin_browser",
)
SMALLER = """async ([source, width]) => {
  const picture = await createImageBitmap(await (await fetch(source)).blob());
  const scale = Math.min(1, width / picture.width);
  const canvas = new OffscreenCanvas(picture.width * scale, picture.height * scale);
  const drawing = canvas.getContext("2d");
  drawing.imageSmoothingQuality = "high";
  drawing.drawImage(picture, 0, 0, canvas.width, canvas.height);
  const blob = await canvas.convertToBlob({ type: "image/webp", quality: 0.55 });
  const bytes = new Uint8Array(await blob.arrayBuffer());
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
}"""
WIDEST = 820  # pixels of a picture on the page


def named() -> list[str]:
    """The pictures that the page shows, without ending."""
    return re.findall(r"\]\(screens/([\w-]+)\.webp\)", PAGE.read_text())


def main() -> None:
    """Run the tests, and put what they took into docs/screens; SystemExit when one of them failed."""
    with tempfile.TemporaryDirectory() as taken:
        files = [f"locks/tests/test_{name}.py" for name in TESTS]
        env = {**os.environ, "ACCESSDESK_SCREENS": taken}
        command = [sys.executable, "-m", "pytest", "-q", "-n", "2", *files]
        if subprocess.run(command, cwd=ROOT, env=env).returncode:
            raise SystemExit("A test failed: the pictures are as they were.")
        FOLDER.mkdir(exist_ok=True)
        for old in FOLDER.glob("*.webp"):
            old.unlink()
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=parts.find(parts.CHROMIUM), args=["--no-sandbox"]
            )
            page = browser.new_page()
            for name in named():
                made = _smaller(page, Path(taken) / f"{name}.png")
                (FOLDER / f"{name}.webp").write_bytes(made)
            browser.close()


def _smaller(page: Page, picture: Path) -> bytes:
    source = f"data:image/png;base64,{base64.b64encode(picture.read_bytes()).decode()}"
    return base64.b64decode(page.evaluate(SMALLER, [source, WIDEST]))


if __name__ == "__main__":
    main()
