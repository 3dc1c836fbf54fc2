"""Passwords kept out of what is printed."""

from __future__ import annotations

import re
from urllib.parse import quote

_QUOTED = re.compile(r'"([^"]*)"')
_OPTION = re.compile(r'^invalid (connection option|URI query parameter:?) "[a-z_]+"')


def redact(text: str, conninfo: str) -> str:
    """Take the password of a connection string out of an error text.

    libpq quotes parts of a string that it cannot take apart; nothing is known about them then,
    so all that comes from the string goes, except the name of an unknown option.
    """
    import psycopg
    from psycopg.conninfo import conninfo_to_dict

    try:
        parts = conninfo_to_dict(conninfo)
    except psycopg.Error:
        if _OPTION.match(text):
            return text
        text = text.replace(conninfo, "...")
        return _QUOTED.sub(lambda m: '"..."' if m[1] and m[1] in conninfo else m[0], text)
    for key in ("password", "sslpassword", "oauth_client_secret"):
        secret = str(parts.get(key) or "")
        for form in {secret, quote(secret, safe="")} - {""}:
            text = text.replace(form, "****")
    return text
