"""Resolves CloudFormation's functions for known parameters."""

import re


class Unresolved(Exception):
    """A value that only a deployed resource has, or a function that is not implemented here."""


class MissingZone(Exception):
    """The region has fewer availability zones than the template selects from."""


NO_VALUE = object()


class Scope:
    """The values that functions refer to."""

    def __init__(self, values, conditions, zones=None):
        self._values = values
        self._conditions = conditions
        self._zones = zones

    def condition(self, name):
        """Returns whether a named condition holds."""
        return self.resolve(self._conditions[name])

    def resolve(self, node):
        """Returns a node of the template with its functions replaced by their values."""
        if isinstance(node, list):
            return [value for value in map(self.resolve, node) if value is not NO_VALUE]
        if not isinstance(node, dict):
            return node
        if len(node) == 1:
            (name, argument), = node.items()
            if name in FUNCTIONS:
                return FUNCTIONS[name](self, argument)
            if name.startswith("Fn::"):
                raise Unresolved(name)
        resolved = {key: self.resolve(value) for key, value in node.items()}
        return {key: value for key, value in resolved.items() if value is not NO_VALUE}

    def reference(self, name):
        """Returns the value of a parameter or pseudo parameter."""
        if name == "AWS::NoValue":
            return NO_VALUE
        if name not in self._values:
            raise Unresolved(name)
        return self._values[name]

    def _zones_of_the_region(self, _argument):
        if self._zones is None:
            raise Unresolved("Fn::GetAZs")
        return self._zones

    def _substitute(self, argument):
        text, local = argument if isinstance(argument, list) else (argument, {})

        def value(found):
            name = found.group(1)
            if name.startswith("!"):
                return "${" + name[1:] + "}"
            return str(self.resolve(local[name]) if name in local else self.reference(name))

        return re.sub(r"\$\{([^}]+)\}", value, text)

    def _select(self, argument):
        index, choices = argument[0], self.resolve(argument[1])
        try:
            return choices[int(self.resolve(index))]
        except IndexError:
            raise MissingZone from None

    def _choose(self, argument):
        condition, holds, holds_not = argument
        return self.resolve(holds if self.condition(condition) else holds_not)

    def _equal(self, argument):
        left, right = self.resolve(argument)
        return str(left) == str(right)

    def _contains(self, argument):
        choices, value = self.resolve(argument)
        return str(value) in map(str, choices)

    def _each_member_in(self, argument):
        members, choices = self.resolve(argument)
        return all(str(member) in map(str, choices) for member in members)

    def _join(self, argument):
        separator, parts = argument[0], self.resolve(argument[1])
        return separator.join(map(str, parts))

    def _split(self, argument):
        separator, text = self.resolve(argument)
        return text.split(separator)

    def _attribute(self, argument):
        raise Unresolved(argument)


FUNCTIONS = {
    "Ref": Scope.reference,
    "Condition": Scope.condition,
    "Fn::And": lambda scope, argument: all(scope.resolve(part) for part in argument),
    "Fn::Contains": Scope._contains,
    "Fn::EachMemberIn": Scope._each_member_in,
    "Fn::Equals": Scope._equal,
    "Fn::GetAZs": Scope._zones_of_the_region,
    "Fn::GetAtt": Scope._attribute,
    "Fn::If": Scope._choose,
    "Fn::Join": Scope._join,
    "Fn::Not": lambda scope, argument: not scope.resolve(argument[0]),
    "Fn::Or": lambda scope, argument: any(scope.resolve(part) for part in argument),
    "Fn::Select": Scope._select,
    "Fn::Split": Scope._split,
    "Fn::Sub": Scope._substitute,
}
