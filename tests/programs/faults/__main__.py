"""``python -m tests.faults`` writes the page of the fault matrix."""

from __future__ import annotations

from tests.programs.faults.matrix import PAGE, page

PAGE.parent.mkdir(exist_ok=True)
PAGE.write_text(page(), "utf-8")
print(f"{PAGE} written")
