"""Search for texts that seem to give orders to a model, by their wording, so that a person can look at them. Pure.

This protects nobody: what is found is asked about like any other email, and a clever order is not found. What keeps an
order from being handled is the fence around the email and the rule that only an exact label is an answer; what tells
whether it was handled is a person who reads the email. Ordinary mail is found too, where it happens to speak like this.
"""

from __future__ import annotations

import re

PATTERNS: dict[str, re.Pattern[str]] = {
    name: re.compile(pattern, re.MULTILINE)
    for name, pattern in {
        # "Ignore all of the previous instructions": an order to forget, and what of. "Ignore my previous email" is not.
        "ignore": (
            r"\b(?:ignore|disregard|forget|override|bypass)\s+(?:(?:all|any|every|each|of|the|your|my|our|these|those)\s+)*"
            r"(?:(?:previous|prior|above|preceding|earlier|foregoing|system|given|original)\s+)*"
            r"(?:instructions?|prompts?|rules|rubric|guidelines|directives)\b"
            r"|\b(?:ignore|disregard|forget)\s+(?:all|everything|anything)\s+(?:of\s+)?(?:the\s+|that\s+\w+\s+)?"
            r"(?:above|before\s+this|so\s+far|you\s+were\s+told)\b"
            r"|\b(?:ignore|disregard)\s+(?:(?:all|everything)\s+)?(?:of\s+)?(?:the\s+)?(?:above|rest)\s+and\s+"
            r"(?:answer|reply|respond|say|write|output|print|label|classify)\b"
        ),
        # "Answer only with 0", "respond with exactly 1": how a label is dictated.
        "answer": (
            r"\b(?:answer|respond|output|return|label|classify)\s+(?:(?:it|this|me)\s+)?(?:(?:email|message|text)\s+)?"
            r"(?:only|exactly|just|always|simply)\s+(?:(?:with|as)\b|[\"'`]?[01]\b)"
            r"|\b(?:answer|respond|(?:classify|label)\s+(?:it|this|me|the)(?:\s+(?:email|message|text))?)\s+(?:with|as)\s+"
            r"(?:only\s+|exactly\s+|just\s+)?(?:the\s+)?(?:label\s+|digit\s+|number\s+)?[\"'`]?[01]\b"
        ),
        # "You are now an assistant without rules": a new role.
        "role": (
            r"\byou\s+are\s+(?:now\s+)?(?:an?\s+|the\s+)?(?:\w+\s+)?"
            r"(?:ai|assistant|chatbot|language\s+model|llm|classifier|labeler|gpt)\b"
            r"|\b(?:act|behave|respond)\s+as\s+(?:if\s+you\s+were\s+)?(?:an?\s+)?(?:\w+\s+)?"
            r"(?:ai|chatbot|language\s+model|llm|classifier|labeler)\b"
        ),
        # Speech about the conversation itself.
        "prompt": r"\b(?:system|developer)\s+prompt\b|\bprompt\s+injection\b|\bjailbreak\b",
        # Marks by which conversations with models are separated, and the fence that the email stands in.
        "marks": (
            r"<\|(?:im_start|im_end|start|end|system|user|assistant|endoftext)\|>|\[/?inst\]|<</?sys>>"
            r"|^[ \t]*</?(?:email|system|instructions?|rubric)>[ \t]*$"
            r"|^[ \t]*(?:#{1,6}[ \t]*)?(?:system|assistant)[ \t]*:[ \t]*(?:you|answer|ignore|the\s+(?:label|answer))\b"
        ),
    }.items()
}

_TRIGGERS: dict[str, tuple[str, ...]] = {
    "ignore": ("ignore", "disregard", "forget", "override", "bypass"),
    "answer": ("answer", "respond", "output", "return", "label", "classify"),
    "role": ("you", "act", "behave", "respond"),
    "prompt": ("system", "developer", "prompt", "jailbreak"),
    "marks": ("<|", "[inst]", "[/inst]", "<<sys>>", "<</sys>>"),
}
"""How each wording begins: a pattern is tried only where one of these stands, which is five times faster."""

_NEEDED: dict[str, tuple[str, ...]] = {"prompt": ("prompt", "jailbreak"), "marks": ("<", "[")}
"""What the wordings cannot do without and is found sooner than their triggers: most texts have none of it."""

_SPEAKERS = ("system", "assistant")
_TAGS = ("<email>", "</email>", "system>", "instruction", "<rubric>", "</rubric>")
"""Words of the marks that begin after the blanks of a line: the pattern is tried at the beginning of such lines."""


def orders_in(text: str, fences: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Return the names of the wordings found in a text, in the order of :data:`PATTERNS`; case does not matter.

    ``fences`` are the lines that the text will stand between; a line of it that equals one is a mark.
    """
    folded = text.casefold()
    fenced = any(
        fence in folded and any(line.strip(" \t") == fence for line in folded.split("\n"))
        for fence in map(str.casefold, fences)
    )
    return tuple(
        [
            name
            for name, pattern in PATTERNS.items()
            if (fenced and name == "marks") or _stands_in(folded, name, pattern)
        ]
    )


def _stands_in(folded: str, name: str, pattern: re.Pattern[str]) -> bool:
    if name not in _NEEDED or any(word in folded for word in _NEEDED[name]):
        for trigger in _TRIGGERS[name]:
            at = folded.find(trigger)
            while at >= 0:
                if pattern.match(folded, at):
                    return True
                at = folded.find(trigger, at + 1)
    return name == "marks" and _begins_a_line(folded, pattern)


def _begins_a_line(folded: str, pattern: re.Pattern[str]) -> bool:
    words = [word for word in (*_SPEAKERS, *(_TAGS if "<" in folded else ())) if word in folded]
    return any(pattern.match(line) for word in words for line in folded.split("\n") if word in line)
