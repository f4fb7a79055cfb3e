"""Evaluates a template's `Conditions` and `Rules`. No library does: CloudFormation asks the rules before it reads anything else."""


class Parameters:
    """The values of a deployment, as CloudFormation compares them: texts and lists of texts."""

    def __init__(self, declared, values, conditions=None):
        self.declared, self.values, self.conditions = declared, values, conditions or {}

    def holds(self, name):
        """Returns whether the condition of this name is true."""
        return self.truth(self.conditions[name])

    def truth(self, node):
        """Returns whether an expression of `Conditions` or `Rules` is true. A function it does not know is a `KeyError`."""
        ((function, argument),) = node.items()
        return {
            "Condition": lambda: self.holds(argument),
            "Fn::Equals": lambda: self.value(argument[0]) == self.value(argument[1]),
            "Fn::Not": lambda: not self.truth(argument[0]),
            "Fn::And": lambda: all(map(self.truth, argument)),
            "Fn::Or": lambda: any(map(self.truth, argument)),
            "Fn::Contains": lambda: self.value(argument[1]) in self.value(argument[0]),
            "Fn::EachMemberIn": lambda: set(self.value(argument[0])) <= set(self.value(argument[1])),
            "Fn::EachMemberEquals": lambda: set(self.value(argument[0])) == {self.value(argument[1])},
        }[function]()

    def value(self, node):
        if isinstance(node, dict):
            value = self.values[node["Ref"]]
            is_list = self.declared[node["Ref"]]["Type"] == "CommaDelimitedList"
            return value.split(",") if is_list else value
        return [self.value(one) for one in node] if isinstance(node, list) else str(node)


def broken(template, values):
    """The rules that refuse these values: each part of an assertion that is false, and the condition under which it is asked."""
    for assertion, condition, part in false(template, values):
        yield part, condition


def refusals(template, values):
    """The sentences with which CloudFormation refuses these values."""
    return list(dict.fromkeys(assertion["AssertDescription"] for assertion, *_ in false(template, values)))


def false(template, values):
    parameters = Parameters(template["Parameters"], values)
    for rule in template["Rules"].values():
        condition = rule.get("RuleCondition", {})
        if not condition or parameters.truth(condition):
            for assertion in rule["Assertions"]:
                for part in assertion["Assert"].get("Fn::And", [assertion["Assert"]]):
                    if not parameters.truth(part):
                        yield assertion, condition, part
