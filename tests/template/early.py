"""The template as it is written, and its resources with every function evaluated that SAM's code for `AWS::LanguageExtensions` evaluates.

In: `pseudo`, what AWS knows of the stack, and `parameters`, as JSON. Out: `source` and `early`, as JSON.
"""

import json
import pathlib
import sys

from samcli.yamlhelper import yaml_parse

from translate import expanded, values


def main():
    template = yaml_parse(pathlib.Path(sys.argv[1]).read_text())
    given = json.load(sys.stdin)
    early = expanded(template, values(template, given["parameters"]), given["pseudo"], set())
    json.dump({"source": template, "early": early["Resources"]}, sys.stdout, default=str)


main()
