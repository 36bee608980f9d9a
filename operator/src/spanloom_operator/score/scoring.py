"""The score of each service, by the formula of the specification."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from spanloom_operator.score.rules import RULES, Rule

if TYPE_CHECKING:
    from spanloom_operator.score.telemetry import Service, Telemetry

CATEGORIES = ((90, "Excellent"), (75, "Good"), (50, "Needs Improvement"), (0, "Poor"))


class Finding(NamedTuple):
    """A rule that a service breaks, and by what."""

    rule: Rule
    reason: str


class Score(NamedTuple):
    """The score of a service, 0 to 100; `rules` were applied, as it has what they judge."""

    service: str
    value: float
    rules: int
    findings: tuple[Finding, ...]

    @property
    def category(self) -> str:
        """The specification's word for it."""
        return next(name for least, name in CATEGORIES if self.value >= least)


def scores(telemetry: Telemetry) -> list[Score]:
    """Return the score of every service, by name."""
    ids = telemetry.span_ids
    return [score(service, ids) for _, service in sorted(telemetry.services.items())]


def score(service: Service, ids: set[tuple[str, str]]) -> Score:
    """Return the score of a service: the weights of the rules that it keeps, of those of all that apply to it."""
    applied = [rule for rule in RULES if getattr(service, rule.parts)]
    findings = [Finding(rule, reason) for rule in applied if (reason := rule.find(service, ids))]
    total = sum(rule.impact for rule in applied)
    lost = sum(finding.rule.impact for finding in findings)
    return Score(service.name, 100 * (total - lost) / total, len(applied), tuple(findings))
