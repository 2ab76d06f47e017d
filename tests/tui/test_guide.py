"""The guide: its pages by name, laid out for any width, printed and shown in the console."""

from __future__ import annotations

import pytest

from core.errors import UsageError
from tests.tui.conftest import Opens
from tui import guide
from tui.cli import main
from tui.guide.layout import Kind, Span, lay_out, spans
from tui.screens.guide import Topics
from tui.widgets.window_parts import TextScroll


def text(markdown: str, width: int = 40) -> list[str]:
    return ["".join(span.text for span in line) for line in lay_out(markdown, width)]


def test_a_page_is_found_by_its_beginning_and_an_unknown_one_named() -> None:
    """A unique beginning is enough; a wrong word gets the nearest page and the list."""
    assert guide.page("trouble") == guide.page("troubleshooting")
    with pytest.raises(UsageError, match=r"no page 'kes'\. Did you mean keys\?.*getting-started"):
        guide.page("kes")
    with pytest.raises(UsageError, match=r"no page .k/\.\./keys"):
        guide.page("k/../keys")


def test_paragraphs_are_wrapped_between_words() -> None:
    """Lines of a paragraph are joined and broken anew; marks vanish."""
    assert text("one *two*\nthree `four` five", 20) == ["one two three four", "five"]
    assert spans("a `b` [c](d.md) **e**") == (
        Span("a "), Span("b", Kind.CODE), Span(" "), Span("c", Kind.STRONG), Span(" "), Span("e", Kind.STRONG),
    )  # fmt: skip


def test_lists_hang_and_code_is_kept() -> None:
    """A list's further lines stand below its text; a block of code is not broken."""
    assert text("- one two three four five\n  six\n- b", 20) == ["- one two three four", "  five six", "- b"]
    assert text("```sh\nlabeltui  new  a-long-name.csv --order source\n```", 20) == [
        "  labeltui  new  a-long-name.csv --order source"
    ]


def test_a_row_of_a_table_fits_a_narrow_terminal() -> None:
    """The first cell stands beside the others where it is short, else above them."""
    table = "| key | does |\n| --- | --- |\n| `p` | pause \\| resume it |\n| a cell of many words | more |"
    assert text(table, 30) == ["p              pause | resume", "               it", "a cell of many words", "    more"]


@pytest.mark.parametrize("topic", guide.TOPICS)
@pytest.mark.parametrize("width", [40, 76])
def test_no_line_of_a_page_is_wider_than_asked_for(topic: str, width: int) -> None:
    """Only code may be, and it is wrapped there; nothing of the marks is left."""
    for line in lay_out(guide.page(topic), width):
        drawn = "".join(span.text for span in line)
        whole_word = " " not in drawn.strip()
        assert len(drawn) <= width or whole_word or line[0].kind in (Kind.CODE, Kind.HEADING), drawn
        assert len(drawn) <= 84 or line[0].kind is not Kind.CODE, drawn
        if all(span.kind is Kind.TEXT for span in line):
            assert "**" not in drawn
            assert "](" not in drawn


def test_the_command_lists_pages_and_prints_one(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a terminal a page comes as it is written."""
    assert main(["guide"]) == 0
    assert "getting-started" in capsys.readouterr().out
    assert main(["guide", "keys"]) == 0
    assert capsys.readouterr().out == guide.page("keys")


@pytest.mark.asyncio
async def test_the_guide_opens_at_the_page_of_the_screen(desk: Opens) -> None:
    """From the keys it is the page on keys, from their help too; n turns the page and esc goes back."""
    async with desk() as at:
        await at.press("a", "f2")
        assert "API keys and quotas" in at.screen()
        await at.press("n")
        assert "Servers" in at.screen()
        await at.press("escape", "question_mark", "f2")
        assert "API keys and quotas" in at.screen()
        await at.press("f2", "escape")
        assert at.app.front_screen().SCOPE.value == "Keys"


@pytest.mark.asyncio
async def test_letters_scroll_a_text_and_move_in_the_list_of_pages(desk: Opens) -> None:
    """``j`` and ``k`` move by a line, ``G`` and ``g`` go to the ends, whether the page or the list has the focus."""
    async with desk() as at:
        await at.press("f2")
        page, topics = at.app.screen.query_one("#page", TextScroll), at.app.screen.query_one("#topics", Topics)
        page.focus()
        for key, place in (("j", 1), ("j", 2), ("k", 1), ("G", page.max_scroll_y), ("g", 0)):
            await at.press(key)
            assert page.scroll_target_y == place, key
        topics.focus()
        for key, place in (("g", 0), ("j", 1), ("k", 0), ("G", len(guide.TOPICS) - 1)):
            await at.press(key)
            assert topics.highlighted == place, key


@pytest.mark.parametrize(("no_color", "styled"), [("", True), ("1", False)])
def test_a_page_is_printed_with_styles_where_colors_are_welcome(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], no_color: str, styled: bool
) -> None:
    """On a terminal; headings are bold there in any case."""
    monkeypatch.setenv("NO_COLOR", no_color)
    monkeypatch.setattr("tui.commands.guide.has_terminal", lambda: True)
    assert main(["guide", "keys"]) == 0
    out = capsys.readouterr().out
    assert ("\x1b[3" in out) is styled
    assert guide.title("keys") in out
