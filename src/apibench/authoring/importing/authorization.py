"""Headers that say who asks."""

import base64


def basic(user: str, password: str) -> str:
    """The value of an Authorization header."""
    return f"Basic {base64.b64encode(f'{user}:{password}'.encode('utf-8', 'replace')).decode()}"
