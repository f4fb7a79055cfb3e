"""Elements of `parameter_overrides`, as SAM reads them.

In: a list of texts, each one element as it stands in samconfig.toml. Out: for each the parameters that SAM makes of it, as JSON.
"""

import json
import sys

from samcli.cli.types import CfnParameterOverridesType


def main():
    json.dump([CfnParameterOverridesType().convert((text,), None, None) for text in json.load(sys.stdin)], sys.stdout)


main()
