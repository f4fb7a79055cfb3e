"""Parses elements of `parameter_overrides` with SAM's own parser.

Input (JSON): a list of elements as written in samconfig.toml. Output (JSON): the parameters in each.
"""

import json
import sys

from samcli.cli.types import CfnParameterOverridesType


def main():
    json.dump([CfnParameterOverridesType().convert((text,), None, None) for text in json.load(sys.stdin)], sys.stdout)


main()
