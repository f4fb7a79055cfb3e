"""Asks every check, several at a time, and prints the answers in the checks' order."""

import json
import time
from concurrent.futures import ThreadPoolExecutor

import boto3
from botocore.exceptions import BotoCoreError, ProfileNotFound

from preflight.account import Account, Denied, Refused, Unanswered
from preflight.check import OK, UNKNOWN, WRONG, Finding, Wrong
from preflight.checks import CHECKS
from preflight.checks.stacks import find
from preflight.facts import HOME_REGIONS
from preflight.options import Unusable
from preflight.plan import UNSEEN, Plan

# Most of a check's time is a service's answer.
WORKERS = 16


def session(options):
    """Returns a session with credentials and a region, or raises what is missing."""
    try:
        found = boto3.Session(profile_name=options.profile, region_name=options.region)
        credentials = found.get_credentials()
        complete = credentials and credentials.get_frozen_credentials().access_key
    except ProfileNotFound as error:
        raise Unusable(f"{error}: aws configure list-profiles lists those there are") from error
    except BotoCoreError as error:
        raise Unusable(f"there are no credentials: {error}") from error
    if not complete:
        raise Unusable("there are no credentials: `aws configure`, `aws sso login` or AWS_PROFILE; then "
                       "`aws sts get-caller-identity` answers")
    if not found.region_name:
        raise Unusable("no region is set: export AWS_DEFAULT_REGION=eu-west-1, or give --region")
    return found


def partition_of(boto_session, region):
    """Returns the partition of a region."""
    try:
        return boto_session.get_partition_for_region(region)
    except BotoCoreError as error:
        raise Unusable(f"there is no region {region}") from error


def enabled(account, partition):
    """Returns that the region is enabled in words, or raises that it is not."""
    region = account.region
    answer = account.call("ec2", "describe_regions", region=HOME_REGIONS.get(partition, region), absent={"InvalidParameterValue"},
                          RegionNames=[region], AllRegions=True)
    if not answer or not answer["Regions"]:
        raise Wrong(f"AWS has no region {region}: set another one")
    if answer["Regions"][0]["OptInStatus"] == "not-opted-in":
        raise Wrong(f"{region} is not enabled: `aws account enable-region --region-name {region}`, which takes minutes, "
                    "or set another region")
    return f"{region} is enabled"


def identity(account):
    """Returns the account's id and the caller's ARN."""
    answer = account.call("sts", "get_caller_identity")
    return answer["Account"], answer["Arn"]


def deployed(account, name):
    """Returns the stack as it is now, or that it cannot be seen."""
    try:
        return find(account, name)
    except Denied:
        return UNSEEN


def arns(plan):
    """Yields a sentence for each ARN of a parameter that is another region's or, for the cluster, another account's."""
    for name, value in ((name, plan[name]) for name in plan.template["Parameters"] if name.endswith("Arn")):
        parts = value.split(":")
        if len(parts) < 6:
            continue
        if parts[3] != plan.region:
            yield f"{name} is of {parts[3]}, and the deployment is to {plan.region}: set another one, or --region {parts[3]}"
        elif name == "ClusterArn" and parts[4] != plan.account_id:
            yield f"{name} is of the account {parts[4]}, and the credentials are of {plan.account_id}: take the other's"


def findings(options):
    """Yields the findings. Without credentials and a region there is only one, since no service answers then."""
    opened = session(options)
    partition = partition_of(opened, opened.region_name)
    account = Account(opened, opened.region_name)
    with ThreadPoolExecutor(WORKERS) as pool:
        region = pool.submit(enabled, account, partition)
        caller = pool.submit(identity, account)
        stack = pool.submit(deployed, account, options.stack_name)
        try:
            place = Finding(OK, "region", region.result())
        except Wrong as problem:
            # Such a region refuses the credentials as well, so they are not spoken of.
            yield Finding(WRONG, "region", str(problem))
            return
        except Denied as problem:
            place = Finding(UNKNOWN, "region", f"no right to {problem}")
        except (Refused, Unanswered) as problem:
            place = Finding(UNKNOWN, "region", str(problem))
        try:
            number, arn = caller.result()
        except (Denied, Refused) as problem:
            yield Finding(WRONG, "credentials", f"{problem}: set credentials with which `aws sts get-caller-identity` answers")
            return
        except Unanswered as problem:
            yield Finding(WRONG, "credentials", f"{problem}: the network, or a proxy, keeps AWS from answering")
            return
        yield place
        yield Finding(OK, "credentials", f"{arn} of the account {number}")
        try:
            former = stack.result()
        except (Refused, Unanswered):
            former = UNSEEN
        plan = Plan(options.template, options.stack_name, account.region, options.overrides, former, number, partition)
        objections = [*plan.objections(), *arns(plan)]
        yield from (Finding(WRONG, "parameters", text) for text in objections)
        if not objections:
            yield Finding(OK, "parameters", "they fit the template and each other")
        asked = [check for check in CHECKS if check.when(plan)]
        yield from pool.map(lambda check: check.run(plan, account), asked)


def run(options, out):
    """Prints the findings, and returns the exit code: 1 if something is wrong."""
    began = time.monotonic()
    found = []
    for one in findings(options):
        found.append(one)
        if not options.json:
            print(one.line(), file=out, flush=True)
    counts = {outcome: sum(one.outcome == outcome for one in found) for outcome in (OK, WRONG, UNKNOWN)}
    if options.json:
        print(json.dumps({"findings": [one.as_json() for one in found], **counts}, indent=2), file=out)
    else:
        words = ", ".join(f"{count} {outcome}" for outcome, count in counts.items())
        print(f"{words}, in {time.monotonic() - began:.1f} s", file=out)
    return 1 if counts[WRONG] else 0
