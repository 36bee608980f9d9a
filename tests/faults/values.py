"""Texts that break what does not take care."""

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
# Half a character, as a file's name or a decoder may leave it: no UTF-8, so it is told by its number.
SURROGATE = "a\udc80b"
HOSTILE |= {"lone surrogate": SURROGATE}


def told(value: str) -> str:
    """Return `value` as it can be told in UTF-8."""
    return value.encode("utf-8", "backslashreplace").decode()
