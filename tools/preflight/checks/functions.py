"""Lambda's environments, of which a new account has few."""

from preflight.check import Check, Wrong
from preflight.facts import UNRESERVED_CONCURRENCY

RAISE = "raise the quota L-B99A9384 of lambda in Service Quotas"


def concurrency(plan, account):
    """The environments that are reserved or kept ready, and those that are left."""
    reserved, ready = int(plan["ReservedConcurrency"] or 0), int(plan["ProvisionedConcurrency"] or 0)
    if reserved and ready > reserved:
        raise Wrong(f"ProvisionedConcurrency is {ready}, which is more than ReservedConcurrency, {reserved}: lower it")
    limits = account.call("lambda", "get_account_settings")["AccountLimit"]
    limit, free = limits["ConcurrentExecutions"], limits["UnreservedConcurrentExecutions"]
    # What ingest has already is its own to take again.
    free += int(plan.former("ReservedConcurrency") or 0)
    for name, wanted in (("ReservedConcurrency", reserved), ("ProvisionedConcurrency", 0 if reserved else ready)):
        kept = min(UNRESERVED_CONCURRENCY, limit)
        if wanted and wanted > free - kept:
            raise Wrong(f"{name} is {wanted}, and the account may set {max(free - kept, 0)} aside: of its {limit} environments "
                        f"{free} are free, and Lambda keeps {kept} of them for other functions: lower it, or {RAISE}")
    if limit < UNRESERVED_CONCURRENCY:
        return f"{limit} environments at once for all functions of the account, which is few: {RAISE} before many clients send"
    return f"{limit} environments at once for all functions of the account, {free} of them free"


CHECKS = [Check("concurrency of Lambda", concurrency)]
