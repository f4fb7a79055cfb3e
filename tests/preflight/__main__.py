"""Runs the tests, and holds them to every check and every action of the policy."""

import pathlib
import sys
import time
import unittest

from preflight.account import ACTIONS

from support import CALLED, OUTCOMES

# It asks the account nothing, so no right can be missing.
OFFLINE = "name of the stack"


def main():
    """Runs all tests, and exits with 1 if one fails or if they leave something out."""
    began = time.monotonic()
    suite = unittest.defaultTestLoader.discover(str(pathlib.Path(__file__).parent))
    result = unittest.TextTestRunner(buffer=True).run(suite)
    untried = [f"no test has an answer `{outcome}` of the check `{subject}`"
               for subject, seen in OUTCOMES.items() for outcome in ("ok", "wrong", "unknown")
               if outcome not in seen and (subject, outcome) != (OFFLINE, "unknown")]
    untried += [f"no check uses {action} of policy.json" for action in sorted(ACTIONS - CALLED)]
    print("\n".join([*untried, f"preflight: {result.testsRun} tests, {len(OUTCOMES)} checks each right, wrong and without rights, "
                     f"{len(ACTIONS)} actions, in {time.monotonic() - began:.0f} s"]))
    sys.exit(1 if untried or not result.wasSuccessful() else 0)


main()
