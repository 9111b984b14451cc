"""Takes out of a foreign text what nobody else may read: addresses keep no user and no query, which may be signed."""

import re

_ADDRESS = re.compile(r"(?i)\b([a-z][a-z0-9+.-]{0,31}://)(?:[^\s/@\"'<>]*@)?([^\s?#\"'<>]*)(?:[?#][^\s\"'<>]*)?")
_PARAMETER = re.compile(r"(?i)\b(x-(?:amz|goog|ms)-[a-z-]+|(?:aws|google)access(?:key)?id|signature|sig)=[^\s&\"'<>]+")
_HEADER = re.compile(r"(?i)\b(authorization:|bearer)\s+(?:[a-z-]{1,16}\s+)?[a-z0-9+/=_.~-]{8,}")


def unsigned(text: str) -> str:
    """Cut users and queries out of addresses, and mask signatures and credentials that stand alone."""
    text = _ADDRESS.sub(r"\1\2", text)
    text = _PARAMETER.sub(r"\1=***", text)
    return _HEADER.sub(r"\1 ***", text)
