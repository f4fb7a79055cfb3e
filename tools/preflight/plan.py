"""The deployment that is asked for: the template with its parameters, and the stack as it is now."""

import copy
import difflib
import re
from dataclasses import dataclass, field

from samcli.lib.cfn_language_extensions import api, models
from samcli.lib.cfn_language_extensions.exceptions import InvalidTemplateException

from preflight import topics
from preflight.intrinsics import Scope, Unresolved

# In these states of a stack nothing of it exists yet, so its parameters have no former values.
WITHOUT_RESOURCES = {"REVIEW_IN_PROGRESS", "DELETE_COMPLETE"}


@dataclass(frozen=True)
class Stack:
    """A stack that exists: its parameters, and the type and physical id of each resource by logical id."""

    status: str
    parameters: dict = field(default_factory=dict)
    resources: dict = field(default_factory=dict)


# Stands for a stack that may or may not exist: the account does not let us see it.
UNSEEN = Stack("unseen")


class Plan:
    """A template, the values of its parameters, and the stack that it is deployed to."""

    def __init__(self, template, stack_name, region, overrides, stack=None, account_id="", partition="aws"):
        self.stack_name = stack_name
        self.region = region
        self.account_id = account_id
        self.overrides = overrides
        self.stack = stack
        self.refused = []
        self._values = {
            "AWS::AccountId": account_id,
            "AWS::Partition": partition,
            "AWS::Region": region,
            "AWS::StackName": stack_name,
            "AWS::URLSuffix": "amazonaws.com.cn" if partition == "aws-cn" else "amazonaws.com",
        }
        self._parameters = {}
        # `sam deploy` keeps the value of a parameter that is left out, where the stack has one.
        former = stack.parameters if stack else {}
        for name, declared in template["Parameters"].items():
            value = overrides.get(name, former.get(name, declared.get("Default")))
            if value is None:
                self.refused.append(f"{name} has no value: give it in parameter_overrides")
            elif not accepts(declared, str(value)):
                reason = declared.get("ConstraintDescription") or bounds(declared)
                self.refused.append(f"{name} cannot be {repr(str(value)) if value else 'empty'}: {reason}")
                value = None
            # The account is asked about the other parameters all the same.
            value = str(declared.get("Default", "") if value is None else value)
            self._parameters[name] = value
            self._values[name] = value.split(",") if declared["Type"] == "CommaDelimitedList" else value
        self.template = template | {"Resources": self._expanded(template)}

    def _expanded(self, template):
        """Returns the resources, with those that each `Fn::ForEach` repeats in its place."""
        fragment = {"Parameters": template["Parameters"], "Resources": copy.deepcopy(template["Resources"])}
        context = models.TemplateProcessingContext(fragment, self._parameters)
        loop = api.ForEachProcessor(intrinsic_resolver=api.create_default_intrinsic_resolver(context))
        try:
            return api.ProcessingPipeline([api.TemplateParsingProcessor(), loop]).process_template(context)["Resources"]
        except InvalidTemplateException:
            # `objections` has the reason: two user ids make the same resource.
            return {name: declared for name, declared in template["Resources"].items() if not name.startswith("Fn::")}

    def __getitem__(self, parameter):
        """Returns a parameter's value."""
        return self._parameters[parameter]

    def admitted(self, parameter, values):
        """Returns those of the values in words that the template admits for a parameter."""
        fit = [value for value in values if accepts(self.template["Parameters"][parameter], value)]
        return ", ".join(fit) or "none, since the template admits no version that is on offer"

    def former(self, parameter):
        """Returns the value that a parameter has in the stack, or nothing."""
        return self.stack.parameters.get(parameter) if self.stack else None

    def scope(self, zones=None):
        """Returns the values for the template's functions, `Fn::GetAZs` included if zones are given."""
        return Scope(self._values, self.template.get("Conditions", {}), zones)

    def makes(self, resource):
        """Returns whether the deployment has a resource."""
        declared = self.template["Resources"].get(resource)
        if declared is None:
            return False
        return "Condition" not in declared or self.scope().condition(declared["Condition"])

    def owns(self, resource):
        """Returns whether the stack has a resource already."""
        return self.stack is not None and resource in self.stack.resources

    def adds(self, resource):
        """Returns whether the deployment makes a resource that the stack does not have yet."""
        return self.makes(resource) and not self.owns(resource)

    def properties(self, kind, name, zones=None):
        """Returns one property of each resource of a type that the deployment has, by logical id."""
        scope = self.scope(zones)
        found = {}
        for resource, declared in self.template["Resources"].items():
            if declared["Type"] != kind or not self.makes(resource):
                continue
            found[resource] = scope.resolve(declared["Properties"][name])
        return found

    def objections(self):
        """Returns a sentence for each parameter, rule of the template and name of a topic that refuses this deployment."""
        # CloudFormation looks at rules once it has taken the values.
        return [*self._unknown_parameters(), *(self.refused or self._broken_rules()),
                *topics.faults(self._names("UserIds"), self._names("PassThroughTopics"), self._names("SharedStreams"))]

    def _names(self, parameter):
        return [name for name in self._parameters.get(parameter, "").split(",") if name]

    def _unknown_parameters(self):
        names = {name.lower(): name for name in self.template["Parameters"]}
        for name in self.overrides:
            if name not in names.values():
                close = difflib.get_close_matches(name.lower(), names, 1)
                meant = f"is {names[close[0]]} meant?" if close else "leave it out"
                yield f"the template has no parameter {name}, and `sam deploy` ignores it: {meant}"

    def _broken_rules(self):
        scope = self.scope()
        for name, rule in self.template.get("Rules", {}).items():
            try:
                if "RuleCondition" in rule and not scope.resolve(rule["RuleCondition"]):
                    continue
                broken = [part for part in rule["Assertions"] if not scope.resolve(part["Assert"])]
            except Unresolved:
                continue
            yield from (part.get("AssertDescription", f"the template's rule {name} refuses it") for part in broken)


def accepts(declared, value):
    """Returns whether a parameter's declaration admits a value."""
    values = value.split(",") if declared["Type"] == "CommaDelimitedList" else [value]
    if "AllowedValues" in declared and value not in map(str, declared["AllowedValues"]):
        return False
    if "AllowedPattern" in declared and not all(re.fullmatch(declared["AllowedPattern"], part) for part in values):
        return False
    if declared["Type"] == "Number":
        try:
            number = float(value)
        except ValueError:
            return False
        return float(declared.get("MinValue", number)) <= number <= float(declared.get("MaxValue", number))
    return int(declared.get("MinLength", 0)) <= len(value) <= int(declared.get("MaxLength", len(value)))


def bounds(declared):
    """Returns the values that a parameter's declaration admits, in words."""
    if "AllowedValues" in declared:
        return "one of " + ", ".join(map(str, declared["AllowedValues"]))
    if declared["Type"] == "Number":
        return f"a number from {declared.get('MinValue', '-∞')} to {declared.get('MaxValue', '∞')}"
    return f"it has to match {declared.get('AllowedPattern')}"
