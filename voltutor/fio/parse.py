"""What fio printed, as runs: the documents of a text, and which of them are snapshots of one run."""

from __future__ import annotations

import codecs
from dataclasses import dataclass, replace

from voltutor.fio.documents import Broken, Document, documents
from voltutor.fio.reading import report
from voltutor.fio.refused import broken_off, refusal
from voltutor.fio.report import FioError, Report
from voltutor.fio.snapshots import is_later


@dataclass(frozen=True)
class Printed:
    """All that a text holds: its runs in their order, and the documents that begin in it and can't be read."""

    runs: tuple[Report, ...]
    broken: tuple[Broken, ...] = ()


def parse_all(output: bytes | str) -> Printed:
    """Read what fio printed with `--output-format=json`, `json+` or `json,normal`: every run, also where several
    stand in one text, in an array, or behind a log's prefixes. Of one run's snapshots, as `--status-interval` prints
    them, the last counts; its `earlier` says how many there were before.

    Raises:
        NotFio: there is no whole run in it.
    """
    text = decoded(output)
    found = documents(text)
    if not found.whole:
        raise refusal(text, found.broken)
    groups: list[list[Document]] = []
    for document in found.whole:
        if groups and is_later(document.raw, groups[-1][-1].raw):
            groups[-1].append(document)
        else:
            groups.append([document])
    runs = [
        replace(
            report(group[-1].raw, "\n".join(each.before for each in group if each.before)),
            earlier=len(group) - 1,
        )
        for group in groups
    ]
    if found.after:
        runs[-1] = replace(runs[-1], noise="\n".join(filter(None, (runs[-1].noise, found.after))))
    return Printed(tuple(runs), found.broken)


def parse(output: bytes | str) -> Report:
    """Read what one command of fio printed. Of several runs the last counts, and its `earlier` all documents before
    it: where they may be runs of their own, `parse_all` gives each.

    Raises:
        NotFio: there is no fio JSON in it, or the last of it is cut short.
        FioError: a job failed; the text is what fio said about it, and `report` has the other jobs.
    """
    found = parse_all(output)
    whole = sum(run.earlier + 1 for run in found.runs)
    if found.broken and found.broken[-1].number == whole + len(found.broken):
        raise broken_off(found.broken[-1])
    noise = "\n".join(run.noise for run in found.runs if run.noise)
    last = replace(found.runs[-1], noise=noise, earlier=whole - 1)
    if last.failed:
        job = last.failed[0]
        raise FioError(noise or f"job {job.name} ended with error {job.error}", last)
    return last


def decoded(output: bytes | str) -> str:
    """The text of what a file or a command gave, without its byte order mark."""
    if isinstance(output, str):
        return output.removeprefix("\ufeff")
    # PowerShell's `>` writes UTF-16.
    utf_16 = output.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return output.decode("utf-16" if utf_16 else "utf-8", errors="replace").removeprefix("\ufeff")
