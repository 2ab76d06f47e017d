"""Send messages to a person who is elsewhere, through ``apprise``, an optional extra."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from core.notify.occasions import Occasion
from core.notify.setup import kind_of

INSTALL = "pip install 'labeltui[notify]' brings apprise, which carries notifications"


@dataclass(frozen=True, slots=True)
class Delivery:
    """Hold how many services took it, and for each of the others its kind and what is known of why."""

    sent: int
    failed: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """Return a sentence on what was delivered; no part of an address is in it."""
        took = f"{self.sent} service{'' if self.sent == 1 else 's'} took it"
        return f"{took}; not {', '.join(self.failed)}" if self.failed else took


def deliver(urls: Sequence[str], occasion: Occasion) -> Delivery:
    """Hand the occasion to every service. Never raises; may take as long as the slowest of them."""
    try:
        import apprise  # noqa: PLC0415 - an extra, and slow to import
    except ImportError:
        return Delivery(0, (INSTALL,))
    logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)  # it logs addresses
    sent, failed = 0, []
    for url in urls:
        kind = kind_of(url)
        try:
            service = apprise.Apprise()
            if not service.add(url):
                failed.append(f"{kind} (not an address that apprise supports)")
            elif service.notify(title=occasion.title, body=occasion.text, body_format="text"):
                sent += 1
            else:
                failed.append(f"{kind} (it did not take it)")
        except Exception as error:  # noqa: BLE001 - a service must not disturb a run; the text may hold the address
            failed.append(f"{kind} ({type(error).__name__})")
    return Delivery(sent, tuple(failed))
