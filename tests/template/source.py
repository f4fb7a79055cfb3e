"""Returns the unmodified template, and its resources after SAM's code for `AWS::LanguageExtensions`.

Input (JSON): `pseudo`, the pseudo parameters, and `parameters`. Output (JSON): `source` and `early`.
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
