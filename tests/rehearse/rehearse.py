"""Rehearses the deployment without AWS: other people's rules for the template in all its cases, and the documented commands."""

import argparse
import concurrent.futures
import itertools
import json
import pathlib
import subprocess
import sys
import tempfile
import time

from samcli.yamlhelper import yaml_parse

import choices
import findings
import policies
import stacks

TOOLS = stacks.WORKSPACE / ".tools"
PROCESSES = 2


def main():
    arguments = parsed()
    started = time.monotonic()
    wrong = []
    if arguments.part != "commands":
        wrong += template(arguments)
    if arguments.part != "template":
        # It brings SAM and moto, which the other part does not need.
        import commands

        wrong += commands.rehearsed()
    for sentence in wrong:
        print(f"- {sentence}")
    print(f"rehearsed in {time.monotonic() - started:.0f} s: " + (f"{len(wrong)} things are wrong" if wrong else "nothing is wrong"))
    return bool(wrong)


def parsed():
    parser = argparse.ArgumentParser(prog="make rehearse", description=__doc__)
    parser.add_argument("--part", choices=["template", "commands"], help="only the rules for the template, or only the commands")
    parser.add_argument("--case", metavar="TEXT", help="only cases whose label has this text; --list shows them")
    parser.add_argument("--checker", action="append", choices=findings.SEEDS, help="only this checker; may be repeated")
    parser.add_argument("--list", action="store_true", help="print the cases and end")
    parser.add_argument("--tools", type=pathlib.Path, default=TOOLS, help="the folder that `make rehearse` fetched into (%(default)s)")
    arguments = parser.parse_args()
    if arguments.list or arguments.case or arguments.checker:
        arguments.part = "template"
    return arguments


def template(arguments):
    checkers = arguments.checker or list(findings.SEEDS)
    parsed = yaml_parse((stacks.WORKSPACE / "template.yaml").read_text())
    cases, refused = choices.Choices(parsed, stacks.profiles()).cases()
    chosen = [case for case in cases if (arguments.case or "") in case["label"]]
    if arguments.list:
        print(*(case["label"] for case in chosen), sep="\n")
        return []
    pairs = "" if arguments.case else f"; the template's rules refuse {len(refused)} pairs of choices"
    print(f"{len(chosen)} cases{pairs}", flush=True)
    found = []
    with concurrent.futures.ProcessPoolExecutor(PROCESSES) as pool:
        with timed("transformed by SAM CLI's own code"):
            halves = pool.map(translated, [chosen[at::PROCESSES] for at in range(PROCESSES)])
            made = [*findings.seeds(), *(case for half in halves for case in half)]
        for checker in checkers:
            with timed(checker) as part:
                if checker == "cdk-preflight":
                    found += cdk_preflight(made, arguments.tools)
                else:
                    found += itertools.chain(*pool.map(CHECKERS[checker], made, chunksize=4))
                part.append(f"{len(made)} templates")
    return list(findings.judged(found, checkers, partial=arguments.case or arguments.checker))


class timed:
    """Prints how long a part took."""

    def __init__(self, part):
        self.part = [part]

    def __enter__(self):
        self.started = time.monotonic()
        return self.part

    def __exit__(self, *_):
        print(f"{time.monotonic() - self.started:6.1f} s  {', '.join(self.part)}", flush=True)


def translated(cases):
    return list(stacks.translated(cases))


def cfn_lint(case):
    from cfnlint.api import lint
    from cfnlint.config import ManualArgs

    found = []
    for match in lint(json.dumps(case["template"]), config=ManualArgs(regions=[stacks.REGION])):
        _, resource, *path = *map(str, match.path), "", ""
        found.append(finding("cfn-lint", case, match.rule.id, ".".join(filter(None, path)), match.message, resource))
    return found


def parliament(case):
    return by_policy("parliament", policies.by_parliament, case)


def policy_sentry(case):
    return by_policy("policy_sentry", policies.by_policy_sentry, case)


def by_policy(checker, check, case):
    documents = policies.documents(case["template"], lambda node: stacks.texts(case["template"], node))
    return [finding(checker, case, rule, path, message, name) for name, path, document in documents for rule, message in check(document)]


def cdk_preflight(cases, tools):
    with tempfile.TemporaryDirectory() as folder:
        paths = {}
        for at, case in enumerate(cases):
            path = pathlib.Path(folder, f"{at}.json")
            path.write_text(json.dumps(case["template"]))
            paths[str(path)] = case
        program = pathlib.Path(__file__).with_name("cdk_preflight.mjs")
        command = ["node", program, tools / "cdk-preflight", stacks.REGION, stacks.ACCOUNT]
        answer = subprocess.run(command, input="\n".join(paths), stdout=subprocess.PIPE, text=True, check=True).stdout
    found = json.loads(answer)
    return [finding("cdk-preflight", paths[one.pop("template")], **one) for one in found]


def finding(checker, case, rule, path, message, resource):
    return findings.Finding(checker, rule, str(resource), path, message, case["label"])


CHECKERS = {"cfn-lint": cfn_lint, "parliament": parliament, "policy_sentry": policy_sentry}

if __name__ == "__main__":
    sys.exit(main())
