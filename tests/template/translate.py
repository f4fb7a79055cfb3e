"""What CloudFormation makes of the template: `AWS::LanguageExtensions`, then SAM's transform, each by AWS's own code.

In: `pseudo`, what AWS knows of the stack, and `cases`, lists of parameters' values, as JSON. Out: for each case its template, and the
sentences by which CloudFormation would refuse a value. Nothing is asked of AWS.
"""

import copy
import json
import pathlib
import re
import sys

from samcli.lib.cfn_language_extensions import api, models, resolvers
from samcli.yamlhelper import yaml_parse
from samtranslator.translator.transform import transform


class ManagedPolicies:
    """SAM adds those of Lambda by their full names, and the template names none."""

    def load(self):
        return {}


class Sub(resolvers.FnSubResolver):
    """A text that names a resource stays whole: what is put into half of it would be read again."""

    def resolve(self, value):
        text, names = self._parse_args(self.get_function_args(value))
        names = self._resolve_variable_map(names)
        literal = set(re.findall(r"\$\{!([^}]+)\}", text))
        whole = self._substitute(text, names)
        left = set(re.findall(r"\$\{([^}]+)\}", whole)) - literal
        return value if left or any(isinstance(one, dict) for one in names.values()) else whole


class Base64(resolvers.FnBase64Resolver):
    """What is not known yet is encoded later."""

    def resolve(self, value):
        known = isinstance(self.parent.resolve_value(value["Fn::Base64"]), str)
        return super().resolve(value) if known else value


api.FnSubResolver, api.FnBase64Resolver = Sub, Base64


def expanded(template, parameters, pseudo):
    """The whole step: loops, and each intrinsic that needs no resource. SAM sees values, and makes its names of them."""
    context = api.TemplateProcessingContext(
        fragment=copy.deepcopy(template),
        parameter_values={name: str(value) for name, value in parameters.items()},
        pseudo_parameters=models.PseudoParameterValues(**pseudo),
    )
    return api.create_default_pipeline(context).process_template(context)


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


def answer(template, given, pseudo):
    defaults = {name: one["Default"] for name, one in template["Parameters"].items() if "Default" in one}
    parameters = {name: str(value) for name, value in (defaults | given).items()}
    translated = transform(packaged(expanded(template, parameters, pseudo)), parameters, ManagedPolicies())
    return {"template": translated, "refused": list(refusals(template["Parameters"], parameters))}


def main():
    template = yaml_parse(pathlib.Path(sys.argv[1]).read_text())
    given = json.load(sys.stdin)
    answers = [answer(template, case, given["pseudo"]) for case in given["cases"]]
    # SAM leaves a date or two as YAML reads them.
    json.dump(answers, sys.stdout, default=str)


main()
