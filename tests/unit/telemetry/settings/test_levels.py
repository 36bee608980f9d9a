"""The filter of function spans and log records."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanloom.settings import SettingsError
from spanloom.settings.levels import LEVELS, parse_levels

targets = st.lists(st.from_regex(r"[a-z_][a-z0-9_]{0,6}", fullmatch=True), min_size=1, max_size=3).map(".".join)
levels = st.sampled_from(sorted(LEVELS))


@pytest.mark.parametrize(
    ("text", "target", "level", "expected"),
    [
        ("", "anything", "info", True),
        ("", "anything", "debug", False),
        ("warn", "anything", "info", False),
        ("warn", "anything", "error", True),
        ("info,users_db=debug", "users_db", "debug", True),
        ("info,users_db=debug", "users_db.db", "debug", True),
        ("info,users_db=debug", "users_db_other", "debug", False),
        ("info,users_db=debug,users_db.db=error", "users_db.db", "warn", False),
        ("users_db.db=error,users_db=debug", "users_db.db.inner", "warn", False),
        ("off", "anything", "error", False),
        ("off,users_api=trace", "users_api.app", "trace", True),
        (" WARN , users_db = Debug ,", "users_db", "debug", True),
        ("debug,error", "anything", "warn", False),
    ],
)
def test_directives(text: str, target: str, level: str, expected: bool) -> None:
    """The longest matching target decides, otherwise the default; of two alike the last one counts."""
    assert expected == parse_levels(text).is_enabled(target, LEVELS[level])


@pytest.mark.parametrize("directive", ["inof", "users_db=", "=info", "a b=info", "users_db=verbose", "a..b=info", "1"])
def test_malformed_directive_is_named(directive: str) -> None:
    """A directive that cannot be understood is quoted together with what was expected."""
    with pytest.raises(SettingsError, match="SPANLOOM_FILTER=") as caught:
        parse_levels(f"info,{directive},users_api=warn")
    assert repr(directive) in str(caught.value)
    assert "LEVEL or TARGET=LEVEL" in str(caught.value)


@given(default=levels, chosen=st.dictionaries(targets, levels, max_size=4), target=targets, level=levels)
def test_a_filter_is_what_it_says(default: str, chosen: dict[str, str], target: str, level: str) -> None:
    """Whatever is written as directives is what decides, by the longest dotted prefix."""
    text = ",".join([default, *(f"{name}={value}" for name, value in chosen.items())])
    prefixes = [name for name in chosen if target == name or target.startswith(f"{name}.")]
    threshold = chosen[max(prefixes, key=len)] if prefixes else default
    assert (LEVELS[level] >= LEVELS[threshold]) == parse_levels(text).is_enabled(target, LEVELS[level])


@given(st.text())
def test_any_text_is_a_filter_or_named(text: str) -> None:
    """No text whatever does anything but parse or name what is wrong."""
    with suppress(SettingsError):
        parse_levels(text)
