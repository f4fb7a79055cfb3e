"""Transforms the template like CloudFormation, offline: `AWS::LanguageExtensions`, then SAM's transform, each by AWS's own code.

Input (JSON): `pseudo`, the pseudo parameters, and `cases`, lists of parameter values. Output (JSON): each case's template, and the
violations for which CloudFormation would reject a value.
"""

import copy
import json
import pathlib
import re
import sys

from samcli.lib.cfn_language_extensions import api, models
from samcli.yamlhelper import yaml_parse
from samtranslator.translator.transform import transform


# Functions that return strings. `AWS::LanguageExtensions` evaluates those with known arguments. SAM CLI's own code for it, made for
# `sam build`, also writes references to resources into other strings. No string of the template depends on the difference.
TEXTS = {"Fn::Base64", "Fn::Join", "Fn::Sub"}


class ManagedPolicies:
    """An empty list: SAM adds Lambda's managed policies by their full names, and the template names no others."""

    def load(self):
        return {}


def expanded(template, parameters, pseudo):
    """Expands loops and evaluates each intrinsic that needs no resource. SAM derives its logical ids from the values.

    The functions in `TEXTS` stay, with their known arguments replaced by values: CloudFormation resolves them later.
    """
    context = api.TemplateProcessingContext(
        fragment=copy.deepcopy(template),
        parameter_values={name: str(value) for name, value in parameters.items()},
        pseudo_parameters=models.PseudoParameterValues(**pseudo),
    )
    resolver = api.create_default_intrinsic_resolver(context)
    resolver.set_preserve_functions(resolver.preserve_functions | TEXTS)
    steps = [
        api.TemplateParsingProcessor(),
        api.ForEachProcessor(intrinsic_resolver=resolver),
        api.IntrinsicResolverProcessor(resolver),
        api.DeletionPolicyProcessor(),
        api.UpdateReplacePolicyProcessor(),
    ]
    return api.ProcessingPipeline(steps).process_template(context)


def refusals(declared, parameters):
    """Yields the violations of the parameters' patterns and allowed values, which CloudFormation checks first."""
    for name, value in parameters.items():
        parameter = declared[name]
        values = value.split(",") if parameter["Type"] == "CommaDelimitedList" else [value]
        fits = all(re.fullmatch(parameter.get("AllowedPattern", "(?s:.*)"), one) for one in values)
        listed = all(one in map(str, parameter.get("AllowedValues", [one])) for one in values)
        if not fits or not listed:
            yield f"{name}: " + parameter.get("ConstraintDescription", "not one of its values")


def packaged(template):
    """Replaces the code's folders by a bucket, like `sam package`."""
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = "s3://code/" + resource["Properties"]["CodeUri"]
    return template


def values(template, given):
    defaults = {name: one["Default"] for name, one in template["Parameters"].items() if "Default" in one}
    return {name: str(value) for name, value in (defaults | given).items()}


def answer(template, given, pseudo):
    parameters = values(template, given)
    translated = transform(packaged(expanded(template, parameters, pseudo)), parameters, ManagedPolicies())
    return {"template": translated, "refused": list(refusals(template["Parameters"], parameters))}


def main():
    template = yaml_parse(pathlib.Path(sys.argv[1]).read_text())
    given = json.load(sys.stdin)
    answers = [answer(template, case, given["pseudo"]) for case in given["cases"]]
    # SAM leaves some dates as YAML's types.
    json.dump(answers, sys.stdout, default=str)


if __name__ == "__main__":
    main()
