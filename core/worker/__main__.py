"""Run ``python -m core.worker [RUN_FILE [EMAILS [PLACES]]]``: the detached worker that the supervisor starts.

Without arguments it imports what the first call needs and reads them from its input, as JSON: a worker that was started
while its run was being made.
"""

from __future__ import annotations

import gc

if __name__ == "__main__":
    gc.disable()  # for the imports: looking for garbage, of which they make none, is an eighth of their time

import json
import logging
import os
import sys
from logging.handlers import RotatingFileHandler
from pathlib import Path

from core.errors import LabeltuiError, NoUsableKeyError, RunBusyError, disk_sentence
from core.model import PlacesWanted, exits
from core.settings import load_settings
from core.storage.file.parts import later_parts
from core.text import inert
from core.worker.process import work
from core.worker.supervisor import log_path

_LOG_BYTES = 1_000_000


class _InertLines(logging.Formatter):
    """Make log lines inert: a log is read in a terminal, and errors quote names and answers from outside."""

    def format(self, record: logging.LogRecord) -> str:
        return inert(super().format(record))


def main() -> int:
    """Work on the run named by the first argument, with a log beside it.

    A second argument says how many texts to try (0: all), a third where the calls are made, as JSON.
    """
    os.umask(0o077)  # whatever is made from here on (logs, commands, quotas) is private to its owner
    arguments = sys.argv[1:] or _told()
    gc.enable()
    if not arguments:
        return exits.DONE
    path = Path(arguments[0])
    logging.raiseExceptions = False  # a line that the disk does not take is lost; a traceback in its place helps nobody
    handler = RotatingFileHandler(log_path(path), maxBytes=_LOG_BYTES, backupCount=2, encoding="utf-8")
    handler.setFormatter(_InertLines("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    log = logging.getLogger("labeltui")
    log.info("worker of %s begins", path)
    try:
        only = int(arguments[1]) or None if len(arguments) > 1 else None
        places = PlacesWanted(**json.loads(arguments[2])) if len(arguments) > 2 else None
        settings = load_settings().for_run(path)
        code = work(path, settings, only=only, places=places)
        for part in later_parts(path) if only is None else ():
            if code not in (exits.DONE, exits.EMAILS_FAILED):
                break
            log.info("worker goes on with %s", part)
            code = max(code, work(part, settings, places=places))
    except RunBusyError as error:
        log.error("%s", error)  # noqa: TRY400
        return exits.BUSY
    except NoUsableKeyError as error:
        log.error("%s", error)  # noqa: TRY400
        return exits.NO_KEY
    except LabeltuiError as error:
        log.error("%s", error)  # noqa: TRY400
        return exits.FAILED
    except Exception as error:
        if sentence := disk_sentence(error):
            log.error("%s", sentence)  # noqa: TRY400
        else:
            log.exception("the worker met an error that it does not know")
        return exits.FAILED
    log.info("worker ends with code %s", code)
    return code


def _told() -> list[str]:
    """Return the arguments that the starter tells, with what the first call needs imported; none where it ended."""
    import core.llm.client  # noqa: F401, PLC0415 - takes as long as the rest

    told = sys.stdin.readline()
    arguments: list[str] = json.loads(told) if told else []
    if arguments:
        with log_path(Path(arguments[0])).open("ab") as log:
            for output in (sys.stdout, sys.stderr):
                os.dup2(log.fileno(), output.fileno())
    return arguments


if __name__ == "__main__":
    sys.exit(main())
