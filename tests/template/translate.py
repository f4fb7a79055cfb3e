"""What CloudFormation makes of the template: `AWS::LanguageExtensions`, then SAM's transform, each by AWS's own code.

In: `pseudo`, what AWS knows of the stack, and `cases`, lists of parameters' values, as JSON. Out: for each case its template, and the
sentences by which CloudFormation would refuse a value. Nothing is asked of AWS.
"""

import copy
import json
import pathlib
import re
import sys

from samcli.lib.cfn_language_extensions import api, models
from samcli.yamlhelper import yaml_parse
from samtranslator.translator.transform import transform


# Functions that make texts. `AWS::LanguageExtensions` evaluates those whose arguments it knows, and SAM CLI's own code for it, made for
# `sam build`, also writes references to resources into the texts of others. The template holds no text for which that moment counts.
TEXTS = {"Fn::Base64", "Fn::Join", "Fn::Sub"}


class ManagedPolicies:
    """SAM adds those of Lambda by their full names, and the template names none."""

    def load(self):
        return {}


def expanded(template, parameters, pseudo, left):
    """The whole step: loops, and each intrinsic that needs no resource. SAM sees values, and makes its names of them.

    The functions in `left` stay, with values for what is known in their arguments: CloudFormation resolves them later.
    """
    context = api.TemplateProcessingContext(
        fragment=copy.deepcopy(template),
        parameter_values={name: str(value) for name, value in parameters.items()},
        pseudo_parameters=models.PseudoParameterValues(**pseudo),
    )
    resolver = api.create_default_intrinsic_resolver(context)
    resolver.set_preserve_functions(resolver.preserve_functions | left)
    steps = [
        api.TemplateParsingProcessor(),
        api.ForEachProcessor(intrinsic_resolver=resolver),
        api.IntrinsicResolverProcessor(resolver),
        api.DeletionPolicyProcessor(),
        api.UpdateReplacePolicyProcessor(),
    ]
    return api.ProcessingPipeline(steps).process_template(context)


def refusals(declared, parameters):
    """What CloudFormation asks of each value before anything else."""
    for name, value in parameters.items():
        parameter = declared[name]
        values = value.split(",") if parameter["Type"] == "CommaDelimitedList" else [value]
        fits = all(re.fullmatch(parameter.get("AllowedPattern", "(?s:.*)"), one) for one in values)
        listed = all(one in map(str, parameter.get("AllowedValues", [one])) for one in values)
        if not fits or not listed:
            yield f"{name}: " + parameter.get("ConstraintDescription", "not one of its values")


def packaged(template):
    """As `sam package` leaves it: the code is in a bucket."""
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = "s3://code/" + resource["Properties"]["CodeUri"]
    return template


def values(template, given):
    defaults = {name: one["Default"] for name, one in template["Parameters"].items() if "Default" in one}
    return {name: str(value) for name, value in (defaults | given).items()}


def answer(template, given, pseudo):
    parameters = values(template, given)
    translated = transform(packaged(expanded(template, parameters, pseudo, TEXTS)), parameters, ManagedPolicies())
    return {"template": translated, "refused": list(refusals(template["Parameters"], parameters))}


def main():
    template = yaml_parse(pathlib.Path(sys.argv[1]).read_text())
    given = json.load(sys.stdin)
    answers = [answer(template, case, given["pseudo"]) for case in given["cases"]]
    # SAM leaves a date or two as YAML reads them.
    json.dump(answers, sys.stdout, default=str)


if __name__ == "__main__":
    main()
