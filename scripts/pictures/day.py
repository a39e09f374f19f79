"""Draw ``docs/images/day.gif`` and its stills from the screenshots of a driven day.

``python benchmarks/annotators_day.py DATA OUT``, then ``python scripts/pictures/day.py OUT/screenshots``.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

IMAGES = Path(__file__).resolve().parents[2] / "docs" / "images"
CAPTIONS = {
    "patients": "Open a folder of scans: five are labelled, seven are not",
    "clicks": "The suggested patient, with two clicks and no model yet",
    "live": "Fine-tuning begins: the mask and its Dice while it trains",
    "next-patient": "The next patient is predicted on arrival; clicks correct it",
    "forecast": "What more patients would bring",
    "adapted": "Another centre's model, before and after its last layers learned here",
    "review": "All patients predicted: review begins with the least sure",
    "export": "Labels and predictions, exported",
}
WIDTH, BAR, SECONDS = 960, 34, 2.6


def main() -> None:
    """Write the moving picture."""
    parser = argparse.ArgumentParser(description="Make a GIF of the screenshots of a day.")
    parser.add_argument("screenshots", type=Path)
    asked = parser.parse_args()
    shots = sorted(asked.screenshots.glob("*.png"))
    frames = [framed(Image.open(path), caption(path)) for path in shots]
    frames[0].save(
        IMAGES / "day.gif",
        save_all=True,
        append_images=frames[1:],
        duration=round(1000 * SECONDS),
        loop=0,
        optimize=True,
    )
    print(IMAGES / "day.gif", len(frames), "frames")


def caption(path: Path) -> str:
    """Return what a screenshot shows."""
    return CAPTIONS[path.stem.partition("-")[2]]


def framed(picture: Image.Image, text: str) -> Image.Image:
    """Return a smaller picture with its caption below."""
    height = round(picture.height * WIDTH / picture.width)
    frame = Image.new("RGB", (WIDTH, height + BAR), "white")
    frame.paste(picture.convert("RGB").resize((WIDTH, height), Image.Resampling.LANCZOS))
    font = ImageFont.load_default(size=18)
    ImageDraw.Draw(frame).text((WIDTH / 2, height + BAR / 2), text, fill="black", font=font, anchor="mm")
    return frame.quantize(128, dither=Image.Dither.NONE)


if __name__ == "__main__":
    main()
