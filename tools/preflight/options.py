"""The command line, and what `sam deploy` would read from samconfig.toml for it."""

import argparse
import pathlib
import re
from dataclasses import dataclass

import click
from samcli.cli.types import CfnParameterOverridesType
from samcli.lib.config.exceptions import FileParseException, SamConfigFileReadException, SamConfigVersionException
from samcli.lib.config.samconfig import SamConfig
from samcli.yamlhelper import yaml_parse

DESCRIPTION = """\
Asks the account, in seconds and before anything is built, what a deployment will ask of it, and changes nothing. Takes the options
of `sam deploy` that say what is deployed, and reads the rest from samconfig.toml as `sam deploy` does.

One line an answer: `ok`; `wrong`, with what to do; `unknown`, with the right that is missing or the service that did not answer.
The exit code is 0 only if nothing is wrong. A policy with all rights that it can use is in tools/preflight/policy.json."""


class Unusable(Exception):
    """The options do not say what is to be deployed."""


@dataclass(frozen=True)
class Options:
    """The deployment to check, its region, and the output's form."""

    template: dict
    stack_name: str
    region: str | None
    profile: str | None
    overrides: dict
    json: bool


def arguments():
    """Returns the command line's parser."""
    parser = argparse.ArgumentParser("make preflight", description=DESCRIPTION, allow_abbrev=False,
                                     formatter_class=argparse.RawDescriptionHelpFormatter, usage='make preflight ARGS="[options]"')
    parser.add_argument("--config-env", default="default", metavar="NAME", help="the profile in samconfig.toml (default)")
    parser.add_argument("--config-file", default="samconfig.toml", metavar="FILE", help="another file than samconfig.toml")
    parser.add_argument("--template-file", "--template", "-t", metavar="FILE", help="another template than template.yaml")
    parser.add_argument("--stack-name", metavar="NAME", help="the stack, if not the profile's")
    parser.add_argument("--region", help="the region, if neither the profile nor AWS_DEFAULT_REGION has it")
    parser.add_argument("--profile", metavar="NAME", help="the profile of credentials in ~/.aws")
    parser.add_argument("--parameter-overrides", nargs="+", metavar="NAME=VALUE", help="in place of the whole list of the profile")
    parser.add_argument("--json", action="store_true", help="print a JSON object instead of lines")
    return parser


def read(argv):
    """Returns the options of a command line, completed from samconfig.toml."""
    given = arguments().parse_args(argv)
    saved = profile(pathlib.Path(given.config_file), given.config_env)
    file = pathlib.Path(given.template_file or saved.get("template_file") or saved.get("template") or "template.yaml")
    name = given.stack_name or saved.get("stack_name")
    if not name:
        raise Unusable(f"{given.config_env} in {given.config_file} has no stack_name: give --stack-name")
    try:
        template = yaml_parse(file.read_text())
    except OSError as error:
        raise Unusable(f"{file} cannot be read: {error.strerror}") from error
    return Options(template, name, given.region or saved.get("region"), given.profile or saved.get("profile"),
                   overrides(given.parameter_overrides or saved.get("parameter_overrides") or ()), given.json)


def profile(file, name):
    """Returns the options of `sam deploy` in one profile of a configuration file."""
    try:
        config = SamConfig(str(file.parent), file.name)
    except (FileParseException, SamConfigFileReadException, SamConfigVersionException) as error:
        # SAM's own exception cannot be printed where it wraps another one.
        raise Unusable(f"{file} cannot be read: {error.__cause__ or error}") from error
    known = config.get_stage_configuration_names()
    if name not in known and (known or name != "default"):
        raise Unusable(f"{file} has no profile {name}: " + (f"it has {', '.join(known)}" if known else "it has none"))
    return config.get_all(["deploy"], "parameters", env=name) if known else {}


def overrides(given):
    """Returns parameters as SAM reads them from a list or a line."""
    try:
        return CfnParameterOverridesType().convert(given if isinstance(given, str) else tuple(given), None, None)
    except click.BadParameter as error:
        empty = re.search(r"(?:^|\s)(\w+)=(?:\s|$)", given if isinstance(given, str) else "\n".join(given))
        if empty:
            raise Unusable(f"parameter_overrides: {empty[1]} is empty: give it a value, or leave it out") from error
        raise Unusable(f"parameter_overrides: {error.message}") from error
