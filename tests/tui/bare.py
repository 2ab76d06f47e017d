"""Screens without a console: the methods of a screen on a state that a test gives, and a note of all that they ask for."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import FunctionType, MethodType, SimpleNamespace
from typing import Any

from textual._context import active_app
from textual.app import App
from textual.compose import compose
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input, Static

from tests.tui.conftest import toned
from tests.tui.fakes import NOW

ATTACHED = {"is_mounted": True, "is_attached": True, "display": True, "styles": SimpleNamespace(display="block")}
"""What a widget on the screen says of itself."""
GONE = {**ATTACHED, "is_mounted": False}


class Bare:
    """An object with the methods and properties of a class, and of its state only what is given."""

    def __init__(self, of: type, **state: Any) -> None:
        vars(self).update(ATTACHED | state, _methods_of=of)

    def __getattr__(self, name: str) -> Any:
        found = inspect.getattr_static(vars(self)["_methods_of"], name)
        if isinstance(found, property):
            return found.fget(self)  # type: ignore[misc]
        return MethodType(found, self) if isinstance(found, FunctionType) else found


class Noted:
    """A console that does at once what it is asked for, and notes it: sentences, windows, calls to the engine."""

    def __init__(
        self, *, path: Path | None = Path("run.db"), read_only: bool = False, view: Any = None, **answers: Any
    ) -> None:
        self.told: list[str] = []
        self.windows: list[tuple[Any, Callable[[Any], None] | None]] = []
        self.answers, self.view = answers, view
        self.run_path, self.read_only = path, read_only
        self.jobs = self.chores = self.countings = SimpleNamespace(send=self._send, ask=self._ask, tell=self._tell)
        self.poller = SimpleNamespace(ask=self._ask, hurry=lambda: self.told.append("hurry"))
        self.engine = _Engine(self)
        self.view_state = SimpleNamespace(snapshot=None, runs=None, item="email")
        self.clock = lambda: NOW

    def _send(self, work: Callable[[], Any], then: Callable[[Any], Any], failed: object = None) -> None:
        then(work())

    def _ask(self, question: Callable[[Any], Any], then: Callable[[Any], Any], failed: object = None) -> None:
        then(question(self.view))

    def _tell(self, then: Callable[[Any], Any], what: Any) -> None:
        then(what)

    def say(self, sentence: str, *, severity: str = "") -> None:
        self.told.append(f"{severity}: {sentence}" if severity else sentence)

    def push_screen(self, window: Any, answered: Callable[[Any], None] | None = None) -> None:
        self.told.append(type(window).__name__)
        self.windows.append((window, answered))

    def answer(self, given: Any) -> None:
        """Answer the newest window; leaving it, or a no, does nothing."""
        answered = self.windows[-1][1]
        assert answered is not None
        before = list(self.told), list(vars(self).get("sent", ()))
        answered(given)
        if given is None or given is False:
            assert before == (self.told, list(vars(self).get("sent", ())))

    def send(self, command: Any, what: str = "") -> None:
        self.told.append(f"sends {type(command).__name__}" + (f" {what}" if what else ""))

    def do_back(self) -> None:
        self.told.append("back")

    def open_run(self, path: str) -> None:
        self.told.append(f"opens {path}")

    def perform(self, action: str) -> None:
        self.told.append(f"performs {action}")

    def job(self, work: Callable[[], Any], said: str) -> None:
        work()
        self.say(said)

    def screen_data(self) -> str:
        return "data"


class _Engine:
    """Notes the names of what is asked of it, and answers what the test gave for them."""

    def __init__(self, noted: Noted) -> None:
        self._noted = noted
        self.settings = SimpleNamespace(base_url=None)
        self.read_only = False

    def operator(self) -> str:
        return "ana"

    def text_of(self, task: Any) -> str:
        return f"text of {task.version}" + (f" in packs of {task.pack}" if task.pack != 1 else "")

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def asked(*_: Any, **__: Any) -> Any:
            self._noted.told.append(name)
            return self._noted.answers.get(name)

        return asked


def bare(of: type, app: Noted, **state: Any) -> Any:
    """A screen of that class in that console."""
    return Bare(of, console_app=app, app=app, **state)


class Parts:
    """The widgets of a screen by their selectors, each of which notes what it is told; stands in for ``query_one``."""

    def __init__(self, width: int = 60, **values: str) -> None:
        self.of: dict[str, Part] = {f"#{name}": Part(width, value) for name, value in values.items()}
        self._width = width

    def __call__(self, selector: object, kind: object = None) -> Part:
        return self.of.setdefault(str(getattr(selector, "__name__", selector)), Part(self._width))


class Part:
    """A widget that notes what it shows."""

    def __init__(self, width: int = 60, value: str = "") -> None:
        self.content: Any = ""
        self.border_title: Any = ""
        self.value = self.text = value
        self.size = self.content_size = SimpleNamespace(width=width, height=20)
        self.done: list[object] = []
        self.display, self.max_scroll_y, self.styles = True, 0, SimpleNamespace()

    @property
    def shown(self) -> str:
        """What it shows, as text."""
        return str(getattr(self.content, "plain", self.content))

    def update(self, content: Any) -> None:
        self.content = content

    def query_one(self, _: object) -> Part:
        return self

    def scroll_to(self, *, y: float, animate: bool) -> None:
        self.done.append(("scroll", y))

    def scroll_end(self, *, animate: bool) -> None:
        self.done.append("end")

    def scroll_page_down(self, *, animate: bool) -> None:
        self.done.append("page")

    def move_cursor(self, place: tuple[int, int], *, center: bool) -> None:
        self.done.append(place)

    def focus(self) -> None:
        self.done.append("focus")

    def say(self, sentence: str, tone: str = "") -> None:
        self.content = sentence

    def name_keys(self, *keys: tuple[str, str]) -> None:
        self.content = " ".join(f"{key}:{word}" for key, word in keys)


class _Around(App[None]):
    """What widgets ask of a console when they are made."""

    def clear_selection(self) -> None:
        """There is none."""


def composed(widget: Widget) -> list[Widget]:
    """The widgets that a window or screen is made of, those inside others behind them."""

    def flat(widgets: Iterable[Widget]) -> Iterator[Widget]:
        for each in widgets:
            yield each
            yield from flat(each._pending_children)

    around = _Around()
    active_app.set(around)
    vars(widget.app).update(_compose_stacks=around._compose_stacks, _composed=around._composed)
    return list(flat(compose(widget)))


def texts_of(widget: Widget) -> list[str]:
    """What a window shows when it opens: its texts with their tones, and its fields as ``[name: value]``."""
    shown = []
    for each in composed(widget):
        if isinstance(each, Input):
            shown.append(f"[{each.id}: {'•' * len(each.value) if each.password else each.value}]")
        elif isinstance(each, Static):
            told = each.content
            shown.append(toned(told) if isinstance(told, Content) else str(told))
    return shown


def made(of: type, app: Noted, *given: Any, **state: Any) -> Any:
    """A screen or window made with what is given, in that console; its focus and its end are noted there."""
    focused: list[Any] = []
    usual = {
        **ATTACHED, "console_app": app, "app": app, "is_current": True, "set_focus": lambda _, widget: focused.append(widget),
        "dismiss": lambda _, result=None: app.told.append(f"ends with {result!r}"), "receive": lambda _, data: app.told.append(f"receives {data}"),
    }  # fmt: skip
    active_app.set(_Around())
    screen = type(of.__name__, (of,), {**usual, **state})(*given)
    screen.focused_by_test = focused
    return screen


class Rowed:
    """Rows that keep what they are told."""

    def __init__(self, selected: Any = None) -> None:
        self.selected = None if selected is None else SimpleNamespace(value=selected)
        self.rows: list[Any] = []
        self.cursor, self.empty, self.columns, self.done = 5, "reading", None, list[str]()

    @property
    def count(self) -> int:
        return len(self.rows)

    def set_rows(self, rows: Any) -> None:
        self.rows = list(rows)

    def set_columns(self, columns: Any) -> None:
        self.columns = columns

    def focus(self) -> None:
        self.done.append("focus")

    def action_page(self, step: int) -> None:
        self.done.append(f"page {step}")

    def action_move(self, step: int) -> None:
        self.done.append(f"move {step}")


def step(of: type, **state: Any) -> tuple[Any, Any]:
    """A step that notes what it says, and its console."""
    app = Noted(**dict(state.pop("answers", ())))
    failing = state.pop("failing", "")
    if failing:
        app.jobs = SimpleNamespace(send=lambda work, then, failed: failed(failing))  # type: ignore[assignment]
    usual = {
        "tell": lambda *parts: app.told.append("".join(part if isinstance(part, str) else part[0] for part in parts)),
        "refuse": lambda text: app.told.append(f"refused: {text}"), "_rows": Rowed(),
    }  # fmt: skip
    return bare(of, app, **{**usual, **state}), app


def never(_: Any) -> None:
    """Not to be called."""
    raise AssertionError
