"""Show windows for keys: add one and check it, set its organization. ``esc`` cancels both."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from core.errors import LabeltuiError
from core.text import one_line
from tui.live.console_app import ConsoleApp
from tui.terminal.textual_fixes import alive
from tui.text.parts import line
from tui.widgets.window_parts import KeyLine, Named, Refusal

if TYPE_CHECKING:
    from core.engine import KeyCheck


@dataclass(frozen=True, slots=True)
class NewKey:
    """Hold what was typed in; ``secret`` never leaves this object but into the key store."""

    alias: str
    organization: str
    secret: str

    def __repr__(self) -> str:
        return f"NewKey(alias={self.alias!r}, organization={self.organization!r}, secret=…)"


SECRET_FROM = 33
"""Characters from which on a name is taken for a secret: no alias is so long."""


def _seems_secret(typed: str) -> bool:
    return typed.startswith(("gsk_", "sk-")) or (len(typed) >= SECRET_FROM and not typed.startswith("org_"))


def _trouble(new: NewKey) -> str:
    """Return why this cannot be saved, before anything of it is sent; empty where it can."""
    from core.engine import checked_alias, checked_organization, plausible_secret  # noqa: PLC0415  (only here)

    if _seems_secret(new.alias) or _seems_secret(new.organization):
        return "A secret belongs in the first field, not in a name: remove it there."
    try:
        plausible_secret(new.secret)
        if new.alias:
            checked_alias(new.alias, "given")
        if new.organization:
            checked_organization(new.organization, "given")
    except LabeltuiError as error:
        return f"{str(error).rstrip('.')}."
    return ""


def _offering(word: str) -> tuple[Named, ...]:
    """Return the key hints of the window, where ``enter`` does ``word``."""
    return (("enter", word), ("tab", "next"), ("esc", "cancel"))


class AddKey(ModalScreen[None]):
    """Ask for a key, check it, and save it where it works, or where the operator insists.

    ``try_it`` and ``save`` answer by :meth:`told`, :meth:`refuse` or by dismissing the window.
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "leave")]
    AUTO_FOCUS = "#secret"

    def __init__(self, try_it: Callable[[NewKey, AddKey], None], save: Callable[[NewKey, AddKey], None]) -> None:
        super().__init__()
        self._try = try_it
        self._save = save
        self._refusal = Refusal()
        self._trying = ""
        self._tried = ""

    def compose(self) -> ComposeResult:
        with Vertical(classes="modal"):
            yield Static(line(("Add a key", "bold $bright")), markup=False)
            yield Static("Secret (paste it; it is not shown)", markup=False, classes="field")
            yield Input(password=True, id="secret")
            yield Static("Alias (optional)", markup=False, classes="field")
            yield Input(id="alias")
            yield Static("Organization (optional; the first 429 names it)", markup=False, classes="field")
            yield Input(id="organization")
            yield self._refusal
            yield KeyLine(*_offering("check and save"))

    def on_input_changed(self, message: Input.Changed) -> None:
        if message.input.id != "secret" and not message.input.password and _seems_secret(message.value):
            message.input.password = True
            self.refuse("That looks like a secret, and is masked: it belongs in the first field.")
        if message.input.id == "secret" and self._tried and message.value.strip() != self._tried:
            self._tried = ""
            self._refusal.say("", "$quiet")
            self._offer("check and save")

    def on_input_submitted(self) -> None:
        def typed(name: str) -> str:
            return self.query_one(f"#{name}", Input).value.strip()

        new = NewKey(typed("alias"), typed("organization"), typed("secret"))
        if not new.secret:
            self.refuse("Paste the secret first: it begins with gsk_.")
            self.query_one("#secret", Input).focus()
        elif self._trying:
            return
        elif trouble := _trouble(new):
            self.refuse(trouble)
        elif new.secret == self._tried:
            self._save(new, self)
        else:
            self._trying = new.secret
            self._refusal.say("checking it with one short question …", "$waiting")
            self._try(new, self)

    def told(self, new: NewKey, trial: KeyCheck) -> None:
        """Take the result of the key check: a key that works is saved at once."""
        if not alive(self):
            return
        self._trying, self._tried = "", new.secret
        if trial.works:
            self._save(new, self)
            return
        self._refusal.say(f"✕ {trial.sentence} It is not saved yet.")
        self._offer("save it anyway")

    def refuse(self, sentence: str) -> None:
        """Show why the key was not accepted."""
        self._trying = ""
        self._refusal.say(sentence)

    def _offer(self, word: str) -> None:
        self.query_one(KeyLine).name_keys(*_offering(word))

    def action_leave(self) -> None:
        self.dismiss(None)


class Regroup(ModalScreen[str | None]):
    """Ask which organization a key belongs to; known ones can be chosen."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "leave"),
        Binding("up", "move(-1)", "up", priority=True),
        Binding("down", "move(1)", "down", priority=True),
        Binding("enter", "save", "save", priority=True),
    ]
    AUTO_FOCUS = "#organization"

    def __init__(self, alias: str, organization: str, known: Sequence[str]) -> None:
        super().__init__()
        self._alias = alias
        self._organization = organization
        self._known = [name for name in known if name != organization][:8]
        self._chosen = -1

    def compose(self) -> ComposeResult:
        with Vertical(classes="modal"):
            title = f"Which organization does {one_line(self._alias, limit=32)} belong to?"
            yield Static(line((title, "bold $bright")), markup=False)
            said = f"now {one_line(self._organization, limit=40)} · its name here until a reply states it"
            yield Static(line((said, "$quiet")), markup=False)
            yield Static("", markup=False, id="labels")
            yield Static("Another one", markup=False, classes="field")
            yield Input(id="organization", placeholder="org_01abc…")
            yield Static(
                line(("A reply that names its organization overrides it.", "$quiet")), markup=False, classes="field"
            )
            yield KeyLine(("↑↓", "choose a known one"), ("enter", "save"), ("esc", "cancel"))

    def on_mount(self) -> None:
        self._draw()

    def _draw(self) -> None:
        rows = [
            line(
                ("▸ " if n == self._chosen else "  ", "bold $accent"),
                (one_line(name, limit=50), "bold $bright" if n == self._chosen else "$foreground"),
            )
            for n, name in enumerate(self._known)
        ]
        self.query_one("#labels", Static).update(
            Content("\n").join(rows or [line(("no other organization is known yet", "$quiet"))])
        )

    def on_input_changed(self, message: Input.Changed) -> None:
        if message.value:
            self._chosen = -1
            self._draw()

    def action_move(self, step: int) -> None:
        if self._known:
            self._chosen = (self._chosen + step) % len(self._known) if self._chosen >= 0 else (0 if step > 0 else -1)
            self._chosen %= len(self._known)
            self._draw()

    def action_save(self) -> None:
        typed = self.query_one("#organization", Input).value.strip()
        name = self._known[self._chosen] if self._chosen >= 0 else typed
        if name:
            self.dismiss(name)
        else:
            self.app.notify("Name an organization, or choose a known one.", severity="warning", markup=False)

    def action_leave(self) -> None:
        self.dismiss(None)


def ask_for_key(app: ConsoleApp, base_url: str = "") -> None:
    """Ask for a key of the open run, or of this machine, in a window, and check it.

    ``base_url`` is its server where that is not the default one: it is sent to no other.
    """
    engine, run = app.engine, app.run_path

    def try_it(new: NewKey, window: AddKey) -> None:
        app.jobs.send(
            lambda: engine.try_secret(run, new.secret, base_url), lambda trial: window.told(new, trial), window.refuse
        )

    def save(new: NewKey, window: AddKey) -> None:
        def added(alias: object) -> None:
            window.dismiss(None)
            app.say(f"{one_line(str(alias), limit=40)} is saved.")
            app.poller.hurry()

        alias, organization = new.alias or None, new.organization or None
        keyring = app.preferences.keyring
        app.jobs.send(
            lambda: engine.add_key(run, new.secret, alias, organization, keyring=keyring, server=base_url),
            added,
            window.refuse,
        )

    app.push_screen(AddKey(try_it, save))
