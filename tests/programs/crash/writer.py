"""``python -m tests.programs.crash.writer RUN COUNT``: commits answers one by one and says after each that it is acknowledged.

The log is folded into the file every few pages instead of every thousand, so that a short life sees many checkpoints.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from core.storage.file.lock import RunLock
from core.storage.writing.store import Store
from tests.storage.test_store import labeled


def main() -> None:
    """Write, as a worker does."""
    path, count = Path(sys.argv[1]), int(sys.argv[2])
    acknowledged = os.open(path.with_suffix(".acknowledged"), os.O_CREAT | os.O_APPEND | os.O_WRONLY)
    with RunLock(path) as lock, Store.open(path, lock) as store:
        store._db.execute("PRAGMA wal_autocheckpoint = 40")
        store.begin_epoch(now=1.0, pid=os.getpid(), host="h")
        for number in range(1, count + 1):
            store.commit([labeled(number)], now=float(number))
            os.write(acknowledged, b".")


if __name__ == "__main__":
    main()
