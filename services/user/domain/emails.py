"""When two e-mail addresses are the same person's."""

from __future__ import annotations

import unicodedata

# Providers that deliver "j.o.e@" and "joe@" to one mailbox, with the domain they are all written to here.
DOTLESS = {"gmail.com": "gmail.com", "googlemail.com": "gmail.com"}


def canonical(address: str) -> str:
    """The form in which addresses are compared: "Joe.Doe+rent@GMail.com" and "joedoe@gmail.com" are one mailbox.

    Nothing is ever sent to it: mail goes to the address as its owner wrote it.
    """
    local, _, domain = unicodedata.normalize("NFKC", address.strip()).casefold().rpartition("@")
    domain = domain.rstrip(".")
    # A local part that is nothing but a tag ("+news@…") stays as it is.
    local = local.partition("+")[0] or local
    if domain in DOTLESS:
        return f"{local.replace('.', '')}@{DOTLESS[domain]}"
    return f"{local}@{domain}"
