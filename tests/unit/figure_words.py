"""What stands in a figure."""

import re
from pathlib import Path


def words(path: Path) -> list[str]:
    """Every text of an SVG, whose text is kept as text."""
    return [text.strip() for text in re.findall(r"<text[^>]*>([^<]*)</text>", path.read_text())]
