"""A check: one question to the account, one line of the answer."""

from dataclasses import asdict, dataclass
from typing import Callable

from preflight.account import Account, Denied, Refused, Unanswered
from preflight.intrinsics import Unresolved
from preflight.plan import UNSEEN, Plan

OK, WRONG, UNKNOWN = "ok", "wrong", "unknown"


class Wrong(Exception):
    """The deployment would fail; the message says why and what to do."""


class Unsure(Exception):
    """The account's answer does not decide it."""


@dataclass(frozen=True)
class Finding:
    """The outcome of a check."""

    outcome: str
    subject: str
    text: str

    def line(self):
        """Returns the finding as one line."""
        return f"{self.outcome:<8} {self.subject}: {self.text}"

    def as_json(self):
        """Returns the finding as a JSON object's fields."""
        return asdict(self)


@dataclass(frozen=True)
class Check:
    """A question, and when it arises. It returns the answer in words, or raises `Wrong`."""

    subject: str
    ask: Callable[[Plan, Account], str]
    when: Callable[[Plan], bool] = lambda _plan: True

    def run(self, plan, account):
        """Returns the finding, whatever the account answers."""
        try:
            return Finding(OK, self.subject, self.ask(plan, account))
        except Wrong as problem:
            return Finding(WRONG, self.subject, str(problem))
        except Denied as problem:
            return Finding(UNKNOWN, self.subject, f"no right to {problem}")
        except Unresolved as problem:
            return Finding(UNKNOWN, self.subject, f"the template leaves {problem} open until it is deployed")
        except (Refused, Unanswered, Unsure) as problem:
            return Finding(UNKNOWN, self.subject, " ".join(str(problem).split()))
        except (AttributeError, LookupError, TypeError, ValueError) as problem:
            # The other checks' answers count all the same.
            return Finding(UNKNOWN, self.subject, f"preflight does not understand an answer of AWS: {problem!r}")


def taken(plan, kind, name, remedy):
    """Raises that a name is in use, or that it may be this stack's own."""
    if plan.stack is UNSEEN:
        raise Unsure(f"{kind} {name} exists, and may be this stack's: no right to see the stack")
    raise Wrong(f"{kind} {name} exists already: {remedy}")


def fits(quota, limit, used, needed):
    """Returns the quota's use in words, or raises that it is too small."""
    use = f"{used} of {limit} {quota.unit} in use, {needed} more needed"
    if used + needed > limit:
        raise Wrong(f"{use}: raise the quota {quota.code} of {quota.service} in Service Quotas")
    return use
