"""The page a person looks at: tables of text, nothing of what a provider was sent is trusted."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from deploy.local.sandbox.provider import Section
from deploy.local.sandbox.store import Document, Webhook
from deploy.local.sandbox.web import Response

STYLE = """
:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif }
body { max-width: 72rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.4rem } h2 { font-size: 1.1rem; margin-top: 2rem }
table { border-collapse: collapse; width: 100% }
th, td { text-align: start; padding: .3rem .6rem; border-bottom: 1px solid #8884; vertical-align: top }
td { overflow-wrap: anywhere }
th { font-weight: 600 } .none { opacity: .6 }
iframe { width: 100%; height: 32rem; border: 1px solid #8884; background: #fff }
pre { white-space: pre-wrap; unicode-bidi: plaintext }
"""
# What an e-mail brings along may neither run nor fetch anything.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-src 'self'; form-action 'self'"


def overview(sections: Iterable[Section], webhooks: Iterable[Webhook]) -> Response:
    """The first page: every provider's tables, then the webhooks."""
    rows = [(w.type, w.event_id, w.url, w.state, str(w.attempts), w.answer[:120]) for w in webhooks]
    attempts = Section("Webhooks", ("type", "event", "to", "state", "attempts", "last answer"), rows)
    return html(
        "Provider sandbox",
        "".join(_table(section) for section in (*sections, attempts)),
    )


def email(mail: Document) -> Response:
    """One e-mail: its envelope, its HTML part in a frame that can do nothing, and its text part."""
    envelope = Section(
        mail["subject"],
        ("field", "value"),
        [
            ("from", mail["from"]["email"]),
            ("to", mail["to"]),
            *mail["headers"].items(),
            *mail["custom_args"].items(),
        ],
    )
    frame = f'<iframe sandbox src="/emails/{escape(mail["message_id"])}/html" title="HTML part"></iframe>'
    return html(
        mail["subject"],
        f'{_table(envelope)}<h2>HTML</h2>{frame}<h2>Text</h2><pre dir="auto">{escape(mail["text"])}</pre>',
    )


def email_body(mail: Document) -> Response:
    """The HTML part alone, for the frame."""
    headers = {
        "content-type": "text/html; charset=utf-8",
        "content-security-policy": f"{POLICY}; sandbox",
    }
    return Response(200, mail["html"].encode(), headers)


def html(title: str, content: str) -> Response:
    page = (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{escape(title)}</title><style>{STYLE}</style><h1>{escape(title)}</h1>{content}</html>"
    )
    headers = {
        "content-type": "text/html; charset=utf-8",
        "content-security-policy": POLICY,
    }
    return Response(200, page.encode(), headers)


def _table(section: Section) -> str:
    head = "".join(f"<th>{escape(column)}</th>" for column in section.columns)
    rows = "".join(f"<tr>{''.join(f'<td>{_cell(text)}</td>' for text in row)}</tr>" for row in section.rows)
    body = f"<table><tr>{head}</tr>{rows}</table>" if rows else '<p class="none">Nothing yet.</p>'
    return f"<h2>{escape(section.title)}</h2>{body}"


def _cell(text: str) -> str:
    if text.startswith("/"):
        return f'<a href="{escape(text)}">{escape(text.rsplit("/", 1)[-1])}</a>'
    return f"<bdi>{escape(text)}</bdi>"
