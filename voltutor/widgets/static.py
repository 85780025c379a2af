"""A card without a browser's help: the same view as plain HTML, for executed notebooks and pages."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from voltutor.text import escape
from voltutor.widgets import words
from voltutor.widgets.measuring import MeasuringController
from voltutor.widgets.services import ServicesController
from voltutor.widgets.volumes import VolumesController

CSS = Path(__file__).with_name("card.css")


def style() -> str:
    """The cards' style sheet as an HTML element."""
    return f"<style>{CSS.read_text(encoding='utf-8')}</style>"


def _pre(name: str, lines: Iterable[str]) -> str:
    return f'<pre class="{name}"><code>{escape(chr(10).join(lines), quote=False)}</code></pre>'


def _shell(code: str) -> str:
    return f'<pre class="vt-code vt-shell"><code>{code}</code></pre>'


def card_html(view: dict[str, Any]) -> str:
    """The view of a card that was played: command, log, verdict, figures, explanation."""
    labels, after, asked = view["labels"], view["after"], view["prediction"]
    parts = [
        f'<section class="vt-card" data-verdict="{view["verdict"]["kind"]}" data-step="{view["id"]}"><header><div>'
        f'<span class="vt-step">{escape(labels["step"].format(**view))}</span>'
        f'<h3 class="vt-title">{escape(view["title"])}</h3></div>'
        f'<div class="vt-facts"><span class="vt-minutes">{escape(view["badge"])}</span>'
        f'<span class="vt-minutes">{escape(view["minutes"])}</span>'
        f'<span class="vt-pill">{escape(view["verdict"]["word"])}</span></div></header>'
        f'<p class="vt-goal">{view["goal"]}</p>'
    ]
    if asked:
        outcome = asked["outcome"] or asked["yours"]
        parts.append(
            f'<section class="vt-prediction"><h4>{escape(labels["predict"])}</h4><p>{asked["question"]}</p>'
            f'<p class="vt-guess">{outcome}</p></section>'
        )
    parts.append(f'<div class="vt-code-head">{escape(labels["command"])}</div>' + _shell(view["code"]))
    if view["log"]:
        parts.append(_pre("vt-log", view["log"]))
    verdict = view["verdict"]
    parts.append(f'<p class="vt-verdict"><strong>{escape(verdict["word"])}</strong> {verdict["text"]}</p>')
    if view["plots"]:
        figures = "".join(f'<div class="vt-plot">{plot["svg"]}</div>' for plot in view["plots"])
        parts.append(f'<section class="vt-plots"><h4>{escape(labels["figures"])}</h4>{figures}</section>')
    if after:
        pictures = "".join(
            f"<figure><figcaption>{escape(p['title'])}</figcaption><div class='vt-svg'>{p['html']}</div></figure>"
            for p in after["pictures"]
        )
        times = "".join(
            f"<div><dt>{escape(labels[key])}</dt><dd>{after[key]}</dd></div>"
            for key in ("then", "now")
            if after[key]
        )
        parts.append(
            f'<section class="vt-after"><h4>{escape(labels["explanation"])}</h4><p>{after["explanation"]}</p>'
            f'{pictures}{_mounts(after["mounts"], labels["mounts"])}<dl class="vt-times">{times}</dl>'
            f"<details><summary>{escape(labels['solution'])}</summary>{_pre('vt-code', after['solution'])}</details>"
            "</section>"
        )
    return "".join(parts) + "</section>"


def _mounts(mounts: list[dict[str, Any]], title: str) -> str:
    """docker inspect's own table, with a sentence for each value."""
    if not mounts:
        return ""
    tables = ""
    for mount in mounts:
        rows = "".join(
            f'<tr><th scope="row">{escape(name)}</th><td><code>{escape(value)}</code></td>'
            f"<td>{escape(text)}</td></tr>"
            for name, value, text in mount["rows"]
        )
        caption = f"<caption>{escape(mount['title'])}</caption>"
        tables += f'<table class="vt-table">{caption}<tbody>{rows}</tbody></table>'
    return f'<details class="vt-mount-fields"><summary>{escape(title)}</summary>{tables}</details>'


def badge_html(text: str) -> str:
    """The engine in words, as a line."""
    return f'{style()}<p class="vt-badge-line" role="note">{escape(text)}</p>'


def table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table; its heads are texts, its cells HTML. What a row is about stands in its first cell."""
    head = "".join(f'<th scope="col">{escape(text)}</th>' for text in heads)
    body = "".join(
        f'<tr><th scope="row">{first}</th>' + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"
        for first, *cells in rows
    )
    return f'<table class="vt-table"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'


def wide(title: str, body: str) -> str:
    """What may be wider than its card, to be scrolled there, by the keyboard too."""
    return f'<div class="vt-wide" tabindex="0" role="group" aria-label="{escape(title)}">{body}</div>'


def lines(said: Iterable[str]) -> str:
    """What was done, as one would have typed it."""
    return _shell(words.shell(said)) if (said := list(said)) else ""


def section(title: str, body: str) -> str:
    """A part of a page: its title is a text, its body HTML."""
    return f'<section class="vt-card"><h3 class="vt-title">{escape(title)}</h3>{body}</section>'


def volumes_html(controller: VolumesController) -> str:
    """Every volume with its owner, as a table."""
    controller.act("look").wait(30)
    view = controller.view()
    rows = [[escape(cell) for cell in row["cells"]] for row in view["rows"]]
    shown = wide(view["labels"]["title"], table(view["heads"], rows))
    body = shown if rows else f"<p>{escape(view['labels']['none'])}</p>"
    return style() + section(view["labels"]["title"], body)


def services_html(controller: ServicesController) -> str:
    """The services and the backups, as tables."""
    controller.act("look").wait(30)
    view = controller.view()
    labels = view["labels"]
    marks = {"": "·", "answered": "●", "failed": "✕", "passed-on": "○"}
    rows = [
        [
            f"<code>{escape(row['name'])}</code>",
            f'<span class="vt-whole">{"".join(marks[dot] for dot in row["dots"])}</span>',
            str(row["answered"]),
            str(row["failed"]),
            escape(row["state"]),
        ]
        for row in view["replicas"]
    ]
    heads = (
        labels["replica"],
        labels["last"].format(**view),
        labels["answered"],
        labels["failed"],
        labels["state"],
    )
    stores = [[escape(store[key]) for key in ("name", "volume", "text", "limit")] for store in view["stores"]]
    kept = [
        [escape(saved["trouble"] or saved[key]) if key == "when" else escape(saved[key]) for key in _SAVED]
        for saved in view["backups"]
    ]
    parts = (
        (f"{labels['stateless']}: {view['service']}", heads, rows, labels["none"]),
        (
            labels["stateful"],
            (labels["service"], labels["volume"], labels["held"], labels["limit"]),
            stores,
            labels["no-stores"],
        ),
        (
            labels["backups"],
            tuple(labels[key] for key in ("backup", "from", "when", "size")),
            kept,
            labels["no-backups"],
        ),
    )
    body = ""
    for title, columns, cells, none in parts:
        shown = wide(title, table(columns, cells)) if cells else f"<p>{escape(none)}</p>"
        body += f"<h4>{escape(title)}</h4>{shown}"
    return style() + section(labels["title"], body)


_SAVED = ("name", "service", "when", "size")


def forest_html(controller: MeasuringController) -> str:
    """The figure of all that was measured in this session."""
    controller.act("look").wait(30)
    view = controller.view()
    labels = view["labels"]
    figure = f'<div class="vt-plot">{view["forest"]}</div>' if view["forest"] else escape(labels["empty"])
    return style() + section(labels["forest"], figure)
