"""Name the faults that no test could notice, each with the reason."""

from __future__ import annotations

EQUIVALENT = {
    "core/quality/agreement.py: logic: if self.value is None or self.low is None or self.high is None:":
        "a coefficient and both ends of its interval are None together or not at all",
    "core/quota/ledger/ledger.py: number: self._serial = 0":
        "serial numbers of accounts are compared with each other, and only for being the same",
    "core/quota/ledger/ledger.py: comparison: elif behind < 0:":
        "the same moment is set again",
    "core/quota/ledger/ledger.py: number: self._serial += 1":
        "serial numbers of accounts are compared with each other, and only for being the same",
    'core/mail/message.py: number: piece = raw[start : start + 2 * room + 2].replace("\\r\\n", "\\n")':
        "a longer piece is looked at, and cut to the same room behind",
    "core/storage/reading/search.py: number: INDEX_FORMAT = 1":
        "an index of another number is made anew; which number it is does not matter",
    "core/worker/retries.py: number: self._answered += 1":
        "answers are counted to see whether there were any since, never how many",
    "core/runs/listing.py: number: found.append((0, 0, 0))":
        "the times of a file that is not there are compared with themselves, and never the latest",
    "tui/text/numbers.py: number: used = min(width, max(0, round(min(1.0, max(0.0, share)) * width)))":
        "a share above 1 is cut to the same width behind",
    "core/text.py: comparison: if code < 0x20:":
        "a space (0x20) is not among the characters that are replaced",
    'core/sources/demo_emails.py: comparison: signature = f"{sender.name}\\n{sender.title}" if work and self._random.random() < 0.4 else sender.first':
        "a random number is never exactly that share",
    'core/mail/message.py: number: shown = view_of(raw, fields=("subject",), truncate_at=1)':
        "the text of that view is not used, its header fields are",
    "core/runs/build.py: number: self._most = _BATCH if share == 1 else max(_BATCH_LEAST, _BATCH // share)":
        "a run file is the same, however many emails are written at once",
    "core/exports/tables.py: comparison: if held_rows >= GROUP_ROWS or held_bytes >= GROUP_BYTES:":
        "whether a group of exactly so many bytes ends before or behind a block, the rows are the same",
    "core/quota/forecast/forecast.py: comparison: return sum(calls_in(capacity, seconds, load.tokens)[0] for capacity in capacities) >= load.calls":
        "the search comes to the same moment from either side",
    "core/sources/source.py: number: _IDS_CACHE_KIB = 32 * 1024":
        "the same ids are taken, however many of them SQLite keeps in memory",
    "tui/commands/sources.py: number: _say_skipped(parts[0].skipped, parts[0].skipped_places)":
        "parts that are made together have one list of what was skipped",
    "core/quality/alarms.py: number: WINDOWS = (60, 90, 135, 200, 300, 450, 700, 1_000, 1_500)":
        "lengths between which a simulation finds no difference; one more ask in one of them promises the same",
    "core/quality/audit.py: number: position: int = 0":
        "every email of a sample that is read has its position",
    "core/runs/find.py: logic: looks_like_path = candidate.suffix == SUFFIX or len(candidate.parts) > 1":
        "a run's name has neither a folder nor that suffix, so that the same file is found by either road",
    "core/sources/demo_emails.py: comparison: sender, reader = (friend, reader) if self._random.random() < 0.6 else (sender, friend)":
        "a random number is never exactly that share",
    "core/worker/lanes/online.py: number: email = self._read(index + 1 if index >= 0 else LOOK_AHEAD)[index]":
        "one more email is read, and the same one is taken",
    "core/worker/lanes/online.py: number: self._probes = 0":
        "the first probe is about another one of the emails that were answered before",
    "core/exports/lines.py: logic: return not all(cell is None or isinstance(cell, str) for cell in different) and len(set(map(type, cells))) > 1":
        "each cell is written once or each different one: the line is the same",
    "core/sources/archives.py: number: _BLOCK_BYTES = 1 << 20":
        "the same bytes are copied, in blocks of another size",
    "core/sources/decoding.py: number: _BLOCK_BYTES = 1 << 20":
        "the same bytes are looked through, in blocks of another size",
    'core/sources/text_source.py: number: descriptor = os.open(file, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))':
        "systems on which the tests run know both flags",
    "core/mail/headers.py: comparison: if end - first > _SHORT_CHARS:":
        "both ways through a block give the same headers",
    "core/mail/headers.py: number: _SHORT_CHARS = 20_000":
        "both ways through a block give the same headers",
    "core/exports/lines.py: number: BLOCK_ROWS = 250":
        "the same lines are written, in blocks of another size",
    "core/quota/pacing/concurrency.py: number: self._lap += 1":
        "laps are compared with each other, and only for being the same",
    "core/quota/ledger/account.py: number: self._calls_asked = 0":
        "counts of what was asked are compared with each other",
    "core/quota/ledger/account.py: number: self._tokens_asked = 0.0":
        "counts of what was asked are compared with each other",
    "core/quota/ledger/account.py: number: self._tokens_returned = 0.0":
        "counts of what was given back are compared with each other",
    "core/quota/ledger/account.py: comparison: if wait_s <= 0:":
        "what opens now is no later than now, by either road",
    "core/quota/ledger/account.py: number: itself = reservation.tokens if dimension.period_s > 60 else None":
        "windows are of a minute or a day",
    "core/quota/ledger/account.py: number: if dimension.period_s < 3600 or max(bucket.level, bucket.own) < 20.0 * need:":
        "windows are of a minute or a day",
    "core/quota/ledger/account.py: comparison: if dimension.period_s < 3600 or max(bucket.level, bucket.own) < 20.0 * need:":
        "windows are of a minute or a day",
    "core/quota/ledger/bucket.py: number: share = _CAUTION_MOST_OF_MINUTE if self.dimension.period_s < 3600 else _CAUTION_MOST_OF_DAY":
        "windows are of a minute or a day",
    "core/quota/ledger/bucket.py: comparison: share = _CAUTION_MOST_OF_MINUTE if self.dimension.period_s < 3600 else _CAUTION_MOST_OF_DAY":
        "windows are of a minute or a day",
    "core/quota/ledger/bucket.py: comparison: if elapsed <= 0:":
        "in no time nothing refills, by either road",
    "core/quota/db/sync.py: number: _started_at: float = 0.0":
        "it is set before it is first written",
    "core/quota/forecast/forecast.py: number: return Capacity(name, known, min(benches, default=0.0), speeds.get(name, math.inf))":
        "an organization is only there with a key, and so with a bench",
    "core/quota/forecast/forecast.py: comparison: if high - low < 0.01:":
        "a search that goes on comes to the same moment, to a hundredth of a second",
    "core/quota/forecast/forecast.py: arithmetic: if high - low < 0.01:":
        "a search that goes on comes to the same moment, to a hundredth of a second",
    'core/quota/forecast/forecast.py: number: span = "a minute" if dimension.period_s < 3600 else "a day"':
        "windows are of a minute or a day",
    'core/quota/forecast/forecast.py: comparison: span = "a minute" if dimension.period_s < 3600 else "a day"':
        "windows are of a minute or a day",
    "core/quota/forecast/forecast.py: number: binding = weight.most_common(1)[0][0]":
        "of the two most common ones the first is the same",
    "core/quota/keys/swap.py: number: return key.errors_429 if _waits(key) else 0":
        "keys that do not wait have the same number, whichever it is",
    "core/quota/pacing/failures.py: number: times, _ = self._rests.get(grant.email_id, (0, 0.0))":
        "the moment is not looked at",
    "core/quota/db/rows.py: comparison: if bench is not None and bench.until_at > now:":
        "a bench that ends now is waited for in no time, by either road",
    "core/quota/pacing/estimates.py: comparison: if self._seen >= _FIRST_CALLS and residual > _OUTLIER * spread:":
        "what is exactly so far off is trusted whole, by either road",
    "core/quota/keys/identity.py: number: present = {row[1]: row[0] for row in rows}":
        "an alias that is taken from its own key is given back behind",
    "core/quota/forecast/forecast.py: number: _STEPS = 60":
        "the search comes to a hundredth of a second before",
    "core/quota/forecast/forecast.py: number: _MOST_CALLS = 1e15":
        "one call more than any run makes is more than any run makes",
    'core/quota/pacing/broker.py: number: worker_id = f"{rng.getrandbits(64):016x}{clock():.6f}"':
        "a random number of one more bit is as good",
    "core/quota/pacing/concurrency.py: number: self._lap = 0":
        "laps are compared with each other, and only for being the same",
    "core/quota/pacing/concurrency.py: number: self._first_s = 0.0":
        "it is set with the first answer, or never looked at where more than 16 go out at first",
    "core/quota/pacing/concurrency.py: number: self._rest_s = min(1.5 * self._rest_s, _REST_MOST_S)":
        "the first time already it is the longest rest",
    "core/quota/pacing/concurrency.py: number: first = int(_PATIENCE_S / max(latency_s, 0.001))":
        "after an answer within a second more than 16 may go out, whichever",
    "core/quota/pacing/concurrency.py: comparison: if lap.width > best.width:":
        "a lap of the best width was decided before",
    "core/quota/pacing/concurrency.py: comparison: elif lap.width > best.width:":
        "a lap of the best width was decided before",
    "core/quota/pacing/concurrency.py: comparison: return math.log(large.latency_s / small.latency_s) <= (1.0 - _WORTH) * ratio + 1e-9":
        "the tolerance is there so that no rounding makes them equal",
    'core/quota/db/rows.py: number: calls, trouble = in_flight.get(record.fingerprint, 0), probed.get(record.fingerprint, ("", 0.0))':
        "without a trouble, the moment of its probe is not looked at",
    "core/quota/db/rows.py: number: probe_at: float = 0.0,":
        "a second after the epoch is as long ago as the epoch",
    "tui/text/numbers.py: number: return fit(one_line(text, limit=max(width, 1) * 2), width)":
        "what is cut to more than its width is cut to the width behind",
    "tui/text/numbers.py: comparison: if width <= 0:":
        "into no cell nothing fits, by either road",
    "tui/text/numbers.py: comparison: return round(count, 2 - len(str(count))) if count >= 100 else count":
        "100 to two digits is 100",
    "tui/text/quantities.py: comparison: at += timedelta(days=at <= now)":
        "now is never exactly the beginning of a minute",
    "tui/text/quantities.py: comparison: if at <= now:":
        "now is never exactly the beginning of a minute",
    "tui/widgets/lists/emails.py: number: looked: float = 1.0":
        "whether a list was searched to its end is asked by a share below 1",
    "tui/widgets/lists/rows.py: number: STRIPS = 256":
        "one more drawn line is kept, and looks the same",
    "tui/screens/emails/listing.py: number: self._serial += 1":
        "serial numbers are compared with each other, and only for being the same",
    "core/mail/headers.py: arithmetic: if sum([len(name) + len(value) for name, value in found]) + 2 * len(found) != end - first:":
        "both ways through a block give the same headers",
    "core/quality/report.py: number: for tick in range(0, 101, 20):":
        "the last tick is at 100 either way (two others would be seen)",
    "core/quality/agreement.py: number: if total**2 - chance <= 1e-12 * total**2:":
        "the power behind the bound: either is far below what different labels leave (the others would be seen)",
    "core/quality/intervals.py: arithmetic: density = math.exp(_log_beta_power(x, a, b)) / (x * (1.0 - x)) if 0.0 < x < 1.0 else 0.0":
        "another step leads to the same quantile, in the same bracket",
    "tui/screens/new_run/columns.py: number: self._serial += 1":
        "serial numbers are compared with each other, and only for being the same",
    'core/llm/key_check.py: number: bare = _VERSIONED.sub("", below, count=1)':
        "the expression matches at the end of a path alone, so that it is found once",
    "core/llm/client.py: number: @lru_cache(maxsize=8)":
        "the same bytes are sent, however many rubrics are kept",
    "core/llm/client.py: number: @lru_cache(maxsize=1)":
        "a function without arguments has one result",
    "core/llm/validation.py: number: @lru_cache(maxsize=1)":
        "a function without arguments has one result",
    "core/llm/task.py: number: @lru_cache(maxsize=8)":
        "the same messages are made, however many tasks' frames are kept",
    "core/server_address.py: number: @lru_cache(maxsize=64)":
        "the same server is found, however many addresses are kept",
    'core/llm/dialect.py: number: named = [param.split(".", maxsplit=1)[0]]':
        "what stands before the first full stop is the same, however often the rest is split",
    'core/llm/dialect.py: number: elif param.split(".", maxsplit=1)[0] in named:':
        "what stands before the first full stop is the same, however often the rest is split",
    'core/llm/dialect.py: number: if param and param.split(".", maxsplit=1)[0] == name:':
        "what stands before the first full stop is the same, however often the rest is split",
    "core/text.py: number: if code < 0x20:":
        "a space (0x20) is not among the characters that are replaced",
    "core/model/keys.py: comparison: return f\"{unit} per {'minute' if self.period_s < 3600 else 'day'}\"":
        "a quota's period is a minute or a day",
    "core/model/keys.py: number: return f\"{unit} per {'minute' if self.period_s < 3600 else 'day'}\"":
        "a quota's period is a minute or a day",
    "core/quality/report.py: number: met[person] = met.get(person, 0) + count":
        "every label of the table is there already, and others are not shown",
    "core/quality/intervals.py: number: return min(0.0, _log_hypergeometric(x, population, hits, drawn) + math.log(total))":
        "the sum is a probability, and above 1 by rounding alone",
    "core/quality/intervals.py: comparison: if abs(d * c - 1.0) < _EPSILON * 4:":
        "one more step of a fraction that has converged changes nothing",
    "core/quality/student.py: number: self._bias = [0.0 for _ in labels]":
        "the same is added to the score of every label",
    'core/exports/registry.py: number: beside = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")':
        "the name of a file that is moved to its place, of other length",
    "core/sources/source.py: arithmetic: _IDS_CACHE_KIB = 32 * 1024":
        "the same ids are taken, however many of them SQLite keeps in memory",
    'core/exports/tables.py: left out: db.execute("PRAGMA synchronous = OFF")':
        "the same rows are written, and flushed once more",
    'core/exports/tables.py: left out: db.execute("PRAGMA journal_mode = OFF")':
        "the same rows are written, with a log beside the file that goes with it",
    "core/sources/decoding.py: logic: if self._offset or not self._encoding.mark:":
        "the same lines come, decoded one by one",
    "core/exports/lines.py: number: count += len(block[0])":
        "all columns of a block are of one length",
    "core/sources/demo_emails.py: comparison: work = self._random.random() < _WORK_SHARE":
        "a number drawn of 2^53 equals the share once in 2^53 times",
    "core/sources/table_source.py: number: _BATCH_ROWS = 1_000":
        "the same rows are read, in blocks of another size",
    "core/sources/table_source.py: number: _PIECE_BYTES = 1 << 20":
        "the same rows are read, in blocks of another size",
    "core/sources/json_source.py: number: _BLOCK_CHARS = 1 << 18":
        "the same rows are read, in blocks of another size",
    "core/sources/decoding.py: number: _LINES_BYTES = 128 * 1024":
        "the same lines are read, in blocks of another size",
    "core/sources/decoding.py: arithmetic: _LINES_BYTES = 128 * 1024":
        "the same lines are read, in blocks of another size",
    "core/sources/source.py: number: _IDS_IN_MEMORY = 100_000":
        "the same ids are taken, wherever they are kept",
    "core/exports/lines.py: number: _SAMPLED = 16":
        "each cell is written once or each different one: the line is the same",
    "core/exports/lines.py: number: _SHORT = 200":
        "each cell is written once or each different one: the line is the same",
    "core/storage/reading/search.py: number: STRETCH = 50_000":
        "the same emails are found, in steps of another size",
    "core/storage/reading/search.py: number: TEXT_STRETCH = 4_000":
        "the same emails are found, in steps of another size",
    "core/storage/reading/search.py: number: INDEX_STRETCH = 2_000":
        "the same emails are found, in steps of another size",
    "core/storage/reading/search.py: number: FROM_TEXT_FIRST = 10 * TEXT_STRETCH":
        "the same emails are found, in steps of another size",
    "core/storage/reading/search.py: number: FETCHED = 2_000":
        "the same emails are found, in steps of another size",
    "core/storage/reading/search.py: arithmetic: FROM_TEXT_FIRST = 10 * TEXT_STRETCH":
        "the same emails are found, in steps of another size",
    "core/storage/reading/search.py: number: LOOK_UP_EVERY = 100_000":
        "whether an answer is still wanted is asked a step later",
    "core/storage/reading/search.py: number: @functools.lru_cache(maxsize=64)":
        "the same expressions are made, however many are kept",
    "core/storage/reading/export_rows.py: number: _AHEAD_ROWS = 1_000":
        "the same rows are read, in blocks of another size",
    "core/storage/reading/export_rows.py: number: @lru_cache(maxsize=10_000)":
        "the same times are written, however many are kept",
    "core/storage/writing/intake.py: number: _PAGE = 500":
        "the same rows are written, in pages of another size",
    "core/storage/file/message.py: number: _LEVEL = 6":
        "the same message comes back, compressed at another level",
    "core/quality/agreement.py: comparison: if of <= 0 or p <= 0.0:":
        "a draw out of none is none, and no kind has the share 0",
    "tui/commands/running.py: number: with engine.worker_ahead() as ahead, ThreadPoolExecutor(1) as pool:":
        "one job is given to the threads",
    "core/runs/demo.py: number: with ThreadPoolExecutor(1) as pool:  # the simulator takes as long to start as the run takes to make":
        "one job is given to the threads",
    "core/quality/packing.py: comparison: return self.sum >= LIMIT and _sign_test(self.stayed, self.gone) <= SIGN_LIMIT":
        "a sum of powers of a half is never exactly that limit (the other comparison would be seen)",
}  # fmt: skip
"""By module, kind and line (``Fault.name``): why no test could notice that fault."""
