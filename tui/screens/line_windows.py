"""Show windows with input lines: a note, the file to save to, and where places of Ray are started."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from core.model import PlacesWanted
from tui.text.parts import Part, line
from tui.widgets.window_parts import KeyLine, Refusal

MOST_PLACES = 9_999
"""Places, and calls at once at each, that may be typed."""


class AskLine(ModalScreen[str | None]):
    """Ask for a line of text; ``enter`` saves it, ``esc`` cancels."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "leave")]

    def __init__(self, title: str, remark: str) -> None:
        super().__init__()
        self._heading = title
        self._remark = remark
        self._refusal = Refusal()

    def compose(self) -> ComposeResult:
        with Vertical(classes="modal"):
            yield Static(line((self._heading, "bold $bright")), markup=False)
            yield Static(line((self._remark, "$quiet")), markup=False, classes="field")
            yield Input(id="line")
            yield self._refusal
            yield KeyLine(("enter", "save"), ("esc", "cancel"))

    def on_input_submitted(self) -> None:
        text = self.query_one("#line", Input).value.strip()
        if text:
            self.dismiss(text)
        else:
            self._refusal.say("Type something first; esc cancels.", "$waiting")

    def action_leave(self) -> None:
        self.dismiss(None)


class StartAtPlaces(ModalScreen[PlacesWanted | None]):
    """Ask where places make the calls: the head of a Ray cluster, how many places, and how many calls at each."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "leave")]
    AUTO_FOCUS = "#address"

    def __init__(self, proposed: PlacesWanted) -> None:
        super().__init__()
        self._proposed = proposed
        self._refusal = Refusal()

    def compose(self) -> ComposeResult:
        fields = (
            ("address", "Head of a Ray cluster, host:port (empty: this machine)", self._proposed.address),
            ("places", "Places", str(self._proposed.places)),
            ("width", "Calls at once at each", str(self._proposed.width)),
            (
                "trust",
                "Join a cluster that requires no token (yes or no)",
                "yes" if self._proposed.trust_network else "no",
            ),
        )
        with Vertical(classes="modal"):
            yield Static(line(("Start at places of Ray", "bold $bright")), markup=False)
            for name, words, value in fields:
                yield Static(words, markup=False, classes="field")
                yield Input(value, id=name)
            yield self._refusal
            yield KeyLine(("enter", "start"), ("tab", "next"), ("esc", "cancel"))

    def on_input_submitted(self) -> None:
        wanted = places_typed(
            *(self.query_one(f"#{name}", Input).value for name in ("address", "places", "width", "trust"))
        )
        if isinstance(wanted, str):
            self._refusal.say(wanted)
        else:
            self.dismiss(wanted)

    def action_leave(self) -> None:
        self.dismiss(None)


def places_typed(address: str, places: str, width: str, trust: str) -> PlacesWanted | str:
    """Return the places that a person typed, or why that is none."""
    address = address.strip().removeprefix("ray://")
    host, _, port = address.rpartition(":")
    if address and not (host and port.isdigit()):
        return "The address of a Ray head is host:port, as in 10.0.0.5:6379; leave it empty for this machine."
    counts = []
    for words, typed in (("places", places), ("calls at once", width)):
        if not (typed.strip().isascii() and typed.strip().isdigit() and 1 <= int(typed) <= MOST_PLACES):
            return f"The number of {words} is a number from 1 to {MOST_PLACES:,}."
        counts.append(int(typed))
    if trust.strip().lower() not in ("yes", "y", "no", "n", ""):
        return "Whether a cluster without a token is joined: yes or no. Yes only where the network is yours alone."
    return PlacesWanted(address, counts[0], counts[1], trust_network=trust.strip().lower().startswith("y"))


class SaveAs(ModalScreen[tuple[str, int] | None]):
    """Ask what to save to which file; return the path and the index of the choice."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "leave"),
        Binding("tab", "other", "other", priority=True),
    ]

    PLACE: ClassVar[str] = "File"
    FORMATS = ".csv for a row each, .jsonl for whole records"
    """What the window says of formats where nothing else is given."""

    def __init__(self, choices: Sequence[str], proposed: str, formats: str = FORMATS) -> None:
        super().__init__()
        self._formats = formats
        self._choices = choices
        self._proposed = proposed
        self._chosen = 0
        self._refusal = Refusal()

    def compose(self) -> ComposeResult:
        with Vertical(classes="modal"):
            yield Static(line(("Save to a file", "bold $bright")), markup=False)
            yield Static("", markup=False, id="labels")
            yield Static(f"{self.PLACE}: {self._formats}", markup=False, classes="field")
            yield Input(self._proposed, id="line")
            yield self._refusal
            keys = [("enter", "save"), ("esc", "cancel")]
            if len(self._choices) > 1:
                keys.insert(0, ("tab", "what"))
            yield KeyLine(*keys)

    def on_mount(self) -> None:
        self._draw()

    def _draw(self) -> None:
        parts: list[Part] = []
        for n, words in enumerate(self._choices):
            here = n == self._chosen
            parts += [("▸ " if here else "  ", "bold $accent"), (words + "   ", "bold $bright" if here else "$quiet")]
        self.query_one("#labels", Static).update(line(*parts))

    def action_other(self) -> None:
        self._chosen = (self._chosen + 1) % len(self._choices)
        self._draw()

    def on_input_submitted(self) -> None:
        path = self.query_one("#line", Input).value.strip()
        trouble = self.trouble(path)
        if trouble:
            self._refusal.say(trouble)
        else:
            self.dismiss((path, self._chosen))

    def action_leave(self) -> None:
        self.dismiss(None)

    def trouble(self, typed: str) -> str:
        """Return why this cannot be the file, as far as that is known at once; "" where it can."""
        return _trouble(typed)


class Download(SaveAs):
    """Ask for a name in the browser, which decides on the folder.

    ``proposed`` is a path in the folder of downloads.
    """

    PLACE = "Download"

    def __init__(self, choices: Sequence[str], proposed: Path, formats: str = SaveAs.FORMATS) -> None:
        super().__init__(choices, proposed.name, formats)
        self._folder = proposed.parent

    def trouble(self, typed: str) -> str:
        if Path(typed).name != typed:
            return "A name is enough: the browser chooses the folder."
        if trouble := _format_trouble(typed):
            return trouble
        (self._folder / typed).unlink(missing_ok=True)  # downloaded before
        return ""


def _trouble(typed: str) -> str:
    """Return why nothing can be written there, as far as that is known at once."""
    if trouble := _format_trouble(typed):
        return trouble
    try:
        path = Path(typed).expanduser()
    except RuntimeError:
        return f"{typed.partition('/')[0]} is no user of this machine. Write the folder out."
    if path.exists():
        return "A file of that name exists already. Choose another name: nothing is overwritten."
    if not path.parent.is_dir():
        return f"The folder {path.parent} does not exist. Create it first, or choose another."
    return ""


def _format_trouble(typed: str) -> str:
    """Return why the suffix of a name is no known format; "" where it is."""
    from core.engine import known_suffixes  # noqa: PLC0415  (loaded on first use)

    if Path(typed).suffix.lower() in known_suffixes():
        return ""
    return f"The suffix decides the format: {', '.join(known_suffixes())}."
