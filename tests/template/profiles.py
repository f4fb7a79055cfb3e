"""Reads samconfig.toml with SAM's own parser, and prints each profile's options of `sam build` and `sam deploy` as JSON."""

import json
import pathlib
import sys

from samcli.cli.types import CfnParameterOverridesType, CfnTags
from samcli.lib.config.samconfig import SamConfig


def main():
    config = SamConfig(str(pathlib.Path(sys.argv[1]).parent), "samconfig.toml")
    profiles = {}
    for profile in config.document:
        if profile == "version":
            continue
        profiles[profile] = {}
        for command in ("build", "deploy"):
            options = dict(config.get_all([command], "parameters", env=profile))
            overrides = tuple(options["parameter_overrides"])
            options["parameter_overrides"] = CfnParameterOverridesType().convert(overrides, None, None)
            options["tags"] = CfnTags().convert(options.get("tags", ()), None, None)
            profiles[profile][command] = options
    json.dump(profiles, sys.stdout)


main()
