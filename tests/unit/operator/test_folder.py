"""The folder named operator stays a folder: the standard library has a module of that name."""

import operator
import sysconfig
from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_standard_librarys_operator() -> None:
    """`import operator` is the standard library's, and no package of that name can get in front of it."""
    assert Path(sysconfig.get_path("stdlib")) == Path(operator.__file__).parent
    assert not [*ROOT.glob("operator/__init__.py"), *ROOT.glob("tests/**/operator/__init__.py")]
