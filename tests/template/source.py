"""Returns the unmodified template as JSON."""

import json
import pathlib
import sys

from samcli.yamlhelper import yaml_parse

json.dump(yaml_parse(pathlib.Path(sys.argv[1]).read_text()), sys.stdout, default=str)
