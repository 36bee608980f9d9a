"""Texts that are hard to encode."""

HOSTILE = {
    "unicode": "葛飾北斎 👩\u200d🚀 \u202eABC\u0301",
    "equals": "a=b==",
    "comma": "a,b,,",
    "percent": "50% %25 %zz %",
    "variable": "$(HOME) ${HOME} $HOME `id`",
    "quotes": "\"'\\",
    "line ends": "a\r\nb\tc\x00d",
    "10 kB": "x" * 10_000,
    "10 kB of unicode": "字" * 3_400,
}
# A lone surrogate, as file names and decoders produce it. UTF-8 cannot encode it, so it is escaped.
SURROGATE = "a\udc80b"
HOSTILE |= {"lone surrogate": SURROGATE}


def escaped(value: str) -> str:
    """Return `value` with lone surrogates escaped."""
    return value.encode("utf-8", "backslashreplace").decode()
