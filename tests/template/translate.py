"""What CloudFormation makes of the template: `AWS::LanguageExtensions`, then SAM's transform, each by AWS's own code.

In: a list of parameters' values, as JSON. Out: the list of templates. Nothing is asked of AWS.
"""

import copy
import json
import pathlib
import re
import sys

from samcli.lib.cfn_language_extensions import api
from samcli.yamlhelper import yaml_parse
from samtranslator.translator.transform import transform


class ManagedPolicies:
    """SAM adds those of Lambda by their full names, and the template names none."""

    def load(self):
        return {}


def expanded(template, parameters):
    """`Fn::ForEach` alone: the other intrinsics are CloudFormation's to resolve, when there are resources."""
    context = api.TemplateProcessingContext(fragment=copy.deepcopy(template), parameter_values=parameters)
    resolver = api.create_default_intrinsic_resolver(context)
    for processor in (api.TemplateParsingProcessor(), api.ForEachProcessor(intrinsic_resolver=resolver)):
        processor.process_template(context)
    return context.fragment


def check(declared, parameters):
    """What CloudFormation asks of each value before anything else."""
    for name, value in parameters.items():
        parameter = declared[name]
        values = value.split(",") if parameter["Type"] == "CommaDelimitedList" else [value]
        for one in values:
            if not re.fullmatch(parameter.get("AllowedPattern", ".*"), one):
                sys.exit(f"{name}: {one} does not match {parameter['AllowedPattern']}")
            if one not in map(str, parameter.get("AllowedValues", [one])):
                sys.exit(f"{name}: {one} is not one of {parameter['AllowedValues']}")


def packaged(template):
    """As `sam package` leaves it: the code is in a bucket."""
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = "s3://code/" + resource["Properties"]["CodeUri"]
    return template


def main():
    template = yaml_parse(pathlib.Path(sys.argv[1]).read_text())
    cases = json.load(sys.stdin)
    for case in cases:
        check(template["Parameters"], case)
    translated = [transform(packaged(expanded(template, case)), dict(case), ManagedPolicies()) for case in cases]
    # SAM leaves a date or two as YAML reads them.
    json.dump(translated, sys.stdout, default=str)


main()
