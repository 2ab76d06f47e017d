"""Define themes, with colors by meaning. A meaning is never shown by color alone."""

from __future__ import annotations

from dataclasses import dataclass, fields

from textual.theme import Theme

PREFIX = "labeltui-"


@dataclass(frozen=True, slots=True)
class Palette:
    """Hold colors by meaning, and background colors: ``panel`` is also the background of a list's cursor."""

    running: str
    waiting: str
    cooling: str
    failed: str
    person: str
    accent: str
    foreground: str
    bright: str
    quiet: str
    faint: str
    rule: str
    graph: str
    share: str
    background: str
    surface: str
    panel: str

    @property
    def meanings(self) -> dict[str, str]:
        """Return the colors that Textual's own themes do not have."""
        known = ("accent", "foreground", "background", "surface", "panel")
        return {field.name: getattr(self, field.name) for field in fields(self) if field.name not in known}


_DARK = Palette(
    running="#7fd18b", waiting="#e6c06a", cooling="#6fb7d6", failed="#ef7f86", person="#c79bea",
    accent="#5aa9e6", foreground="#d5dbe3", bright="#f2f5f8", quiet="#8b95a3", faint="#4a5361", rule="#3a424e",
    graph="#4b9a63", share="#4684b4", background="#12161c", surface="#1a2029", panel="#232b36",
)  # fmt: skip

_LIGHT = Palette(
    running="#1b7a3c", waiting="#8a5a00", cooling="#0b6387", failed="#b3202f", person="#7a3bb0",
    accent="#0a63a8", foreground="#262c33", bright="#14181d", quiet="#5b6470", faint="#aab2bc", rule="#c3cad2",
    graph="#5fae79", share="#5b96c4", background="#fbfbf9", surface="#f0f1ef", panel="#e4e7ea",
)  # fmt: skip

_CONTRAST = Palette(
    running="#5dff8f", waiting="#ffd84d", cooling="#6fe3ff", failed="#ffa3a3", person="#e8b8ff",
    accent="#8fd0ff", foreground="#ffffff", bright="#ffffff", quiet="#d6d6d6", faint="#a9a9a9", rule="#b8b8b8",
    graph="#5dff8f", share="#8fd0ff", background="#000000", surface="#000000", panel="#1f1f1f",
)  # fmt: skip

_DUSK = Palette(
    running="#a9c77b", waiting="#e8b45f", cooling="#8fb8b0", failed="#e8806a", person="#d39bb8",
    accent="#e39b57", foreground="#e2d6c6", bright="#f7efe2", quiet="#a2937f", faint="#5c5145", rule="#473e35",
    graph="#7d9457", share="#b07a45", background="#191512", surface="#221d18", panel="#2e2720",
)  # fmt: skip

_PAPER = Palette(
    running="#3f6b1f", waiting="#7d5000", cooling="#1f6470", failed="#a02c1c", person="#7a3a78",
    accent="#8a4513", foreground="#33291f", bright="#1d1610", quiet="#665a4b", faint="#b3a690", rule="#cfc3ad",
    graph="#7d9a5c", share="#b98a5a", background="#f7f0e1", surface="#efe6d3", panel="#e6dac3",
)  # fmt: skip

_ANSI = Palette(
    running="ansi_green", waiting="ansi_yellow", cooling="ansi_cyan", failed="ansi_bright_red", person="ansi_magenta",
    accent="ansi_bright_blue", foreground="ansi_default", bright="ansi_default", quiet="ansi_default",
    faint="ansi_bright_black", rule="ansi_bright_black", graph="ansi_green", share="ansi_blue",
    background="ansi_default", surface="ansi_default", panel="ansi_default",
)  # fmt: skip
"""The terminal's own sixteen colors on its own background, which may be dark or light."""

PALETTES = {
    f"{PREFIX}dark": _DARK,
    f"{PREFIX}light": _LIGHT,
    f"{PREFIX}contrast": _CONTRAST,
    f"{PREFIX}dusk": _DUSK,
    f"{PREFIX}paper": _PAPER,
    f"{PREFIX}ansi": _ANSI,
}
"""By the theme's name, in the order of the key for the next theme."""

DARK, LIGHT, CONTRAST, ANSI = (f"{PREFIX}{name}" for name in ("dark", "light", "contrast", "ansi"))
MEANINGS, LIGHT_MEANINGS, ANSI_MEANINGS = _DARK.meanings, _LIGHT.meanings, _ANSI.meanings

ABOUT = {
    f"{PREFIX}dark": "blue on slate",
    f"{PREFIX}light": "blue on white",
    f"{PREFIX}contrast": "bright on black, easy to read",
    f"{PREFIX}dusk": "amber on brown, for the night",
    f"{PREFIX}paper": "ink on cream",
    f"{PREFIX}ansi": "the terminal's own 16 colors",
}


_PLAIN = {
    "ansi-background": "ansi_default",
    "ansi-foreground": "ansi_default",
    "block-cursor-foreground": "ansi_default",
    "block-cursor-background": "ansi_default",
    "block-cursor-text-style": "reverse",
    "border": "ansi_bright_blue",
    "border-blurred": "ansi_bright_black",
    "input-selection-background": "ansi_bright_blue",
    "screen-selection-background": "ansi_bright_blue",
    "scrollbar-background": "ansi_default",
    "scrollbar-background-hover": "ansi_default",
    "scrollbar-background-active": "ansi_default",
}
"""Variables of Textual's own widgets for an unknown background."""


def _scrollbar(colors: Palette) -> dict[str, str]:
    """Return the colors of scrollbars, faint until dragged."""
    grounds = ("scrollbar-background", "scrollbar-background-hover", "scrollbar-background-active")
    return {
        "scrollbar": colors.faint,
        "scrollbar-hover": colors.quiet,
        "scrollbar-active": colors.accent,
        **dict.fromkeys((*grounds, "scrollbar-corner-color"), colors.surface),
    }


def _theme(name: str, colors: Palette) -> Theme:
    ansi = colors is _ANSI
    more = _PLAIN if ansi else {"block-cursor-text-style": "none", **_scrollbar(colors)}
    return Theme(
        name=name,
        primary=colors.accent,
        secondary=colors.quiet,
        accent=colors.accent,
        foreground=colors.foreground,
        background=colors.background,
        surface=colors.surface,
        panel=colors.panel,
        success=colors.running,
        warning=colors.waiting,
        error=colors.failed,
        dark=colors not in (_LIGHT, _PAPER),
        ansi=ansi,
        variables={**colors.meanings, **more},
    )


THEMES = tuple(_theme(name, colors) for name, colors in PALETTES.items())


def named(chosen: str, known: set[str]) -> str | None:
    """Return the theme of that name or short name: ``ansi`` is ``labeltui-ansi``; None where there is none."""
    return next((name for name in (chosen, PREFIX + chosen) if name in known), None)


def meanings_for(theme: Theme) -> dict[str, str]:
    """Return colors by meaning for a theme that is not labeltui's."""
    return ANSI_MEANINGS if theme.ansi else MEANINGS if theme.dark else LIGHT_MEANINGS


def following(name: str) -> str:
    """Return the next of labeltui's themes; after another theme, the first."""
    names = list(PALETTES)
    return names[(names.index(name) + 1) % len(names)] if name in names else names[0]
