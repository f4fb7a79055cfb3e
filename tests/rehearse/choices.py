"""The cases: each profile, each value of each parameter, and each pair of choices that touch the same resource.

A choice is a value that a parameter lists, or one of a few for a parameter that lists none: its default, an example, and the ends of
its range or pattern. The template's rules refuse some together; the rest of a case is then changed until they do not, as a user would.
"""

import itertools

import conditions
import texts

# Values in the form that AWS gives them, for parameters whose default is empty or missing.
EXAMPLES = {
    "UserIds": "demo,b-2",
    "PassThroughTopics": "clicks,views.v1",
    "SharedStreams": "Kinesis-Prod-Stream=demo",
    "ClusterArn": "arn:aws:kafka:eu-west-1:123456789012:cluster/theirs/4f0c1b6e-13ab-4c9d-8e7f-0a1b2c3d4e5f-2",
    "ClusterSecurityGroupId": "sg-0a1b2c3d4e5f60718",
    "AvailabilityZones": "eu-west-1c,eu-west-1b,eu-west-1a",
    "VpcId": "vpc-0a1b2c3d4e5f60718",
    "SubnetIds": "subnet-0a1b2c3d4e5f60718,subnet-0a1b2c3d4e5f60719,subnet-0a1b2c3d4e5f6071a",
    "RouteTableIds": "rtb-0a1b2c3d4e5f60718,rtb-0a1b2c3d4e5f60719",
    "DatabaseUrl": "mysql://reader@db.example.com:3306/pinterest_data?login=iam",
    "DatabaseUserArn": "arn:aws:rds-db:eu-west-1:123456789012:dbuser:db-ABCDEFGHIJKL01234/reader",
    "DatabaseSecretArn": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:pinterest-database-a1B2c3",
    "DatabaseSecurityGroupId": "sg-0a1b2c3d4e5f60719",
    "ArchivePrefix": "second/",
    "ConnectPluginArn": "arn:aws:kafkaconnect:eu-west-1:123456789012:custom-plugin/s3-sink/4f0c1b6e-13ab-4c9d-8e7f-0a1b2c3d4e5f-2",
    "AlarmTopicArn": "arn:aws:sns:eu-west-1:123456789012:alarms",
    "KmsKeyArn": "arn:aws:kms:eu-west-1:123456789012:key/4f0c1b6e-13ab-4c9d-8e7f-0a1b2c3d4e5f",
}

# The changes that a user makes until no rule refuses a case, at most.
CHANGES = 8


class Choices:
    """The parameters of a template, and what may be chosen for each."""

    def __init__(self, template, profiles):
        self.template, self.profiles = template, profiles
        self.declared = template["Parameters"]
        missing = [name for name, one in self.declared.items() if one.get("Default", "") == "" and name not in EXAMPLES]
        if missing:
            raise ValueError(f"choices.py has no example of {', '.join(missing)}")
        self.base = {name: str(one.get("Default", EXAMPLES.get(name))) for name, one in self.declared.items()}
        self.common = {name: self.listed(name) for name in self.declared}
        self.touched = touched(template)

    def listed(self, name):
        """The values that are tried in pairs, the default first."""
        known = [*map(str, self.declared[name].get("AllowedValues", [])), *filter(None, [EXAMPLES.get(name)])]
        return list(dict.fromkeys([self.base[name], *known]))

    def ends(self, name):
        """The ends of a parameter's range or pattern."""
        one = self.declared[name]
        if "AllowedPattern" in one:
            return texts.extremes(one["AllowedPattern"])
        return [str(one[end]) for end in ("MinValue", "MaxValue") if end in one]

    def completed(self, values, fixed, changes=CHANGES):
        """The values, changed until no rule refuses them, except for the fixed ones; `None` where that is not possible."""
        broken = next(conditions.broken(self.template, values), None)
        if not broken:
            return values
        for name, value in self.mends(broken, fixed) if changes else ():
            if value != values[name]:
                mended = values | {name: value}
                if broken not in conditions.broken(self.template, mended):
                    found = self.completed(mended, fixed | {name}, changes - 1)
                    if found:
                        return found
        return None

    def mends(self, broken, fixed):
        """Each value of each parameter that a broken rule reads: those of its assertion first, or its condition is given up."""
        for part in broken:
            for name in references(part):
                if name in self.declared and name not in fixed:
                    yield from ((name, value) for value in reversed(self.common[name]))

    def singles(self):
        """Each profile, then each value of each parameter alone."""
        for profile, given in self.profiles.items():
            yield self.single(f"profile {profile}", given)
        for name in self.declared:
            for value in self.common[name]:
                yield self.single(f"{name}={abridged(value)}", {name: value})
            ends = self.ends(name)
            for value in ends:
                if value not in self.common[name]:
                    yield self.single(f"{name}={abridged(value)} ({'longest' if value == ends[-1] else 'shortest'})", {name: value})

    def single(self, label, given):
        """A case of these values. One parameter alone is given something that it is used for, unless it has its default."""
        values = self.completed(self.base | given, frozenset(given))
        if values and len(given) == 1 and given.items() - self.base.items():
            (name,) = given
            others = ({other: value} for other in self.declared if other != name for value in self.common[other])
            further = (self.completed(self.base | given | other, frozenset(given | other)) for other in others)
            values = next((values for values in itertools.chain([values], further) if values and self.used(name, values)), None)
        if not values:
            raise ValueError(f"no deployment that the template's rules admit has a use for {label}")
        return {"label": label, "values": values}

    def used(self, name, values):
        """Returns whether a resource that is made reads the parameter."""
        parameters = conditions.Parameters(self.declared, values, self.template["Conditions"])
        made = ((key, one.get("Condition")) for key, one in self.template["Resources"].items() if isinstance(one, dict))
        return any(name in self.touched[key] for key, condition in made if not condition or parameters.holds(condition))

    def pairs(self):
        """Every two values of two parameters that touch a resource together."""
        touching = {
            frozenset(pair)
            for names in self.touched.values()
            for pair in itertools.combinations(sorted(names & self.declared.keys()), 2)
        }
        for one, other in sorted(map(sorted, touching)):
            yield from itertools.product(((one, value) for value in self.common[one]), ((other, value) for value in self.common[other]))

    def cases(self):
        """All cases, and the pairs that the rules refuse. A case covers as many pairs as it can."""
        # Each value that is a default makes the same stack as the others.
        cases = list({tuple(case["values"].items()): case for case in reversed(list(self.singles()))}.values())[::-1]
        left, refused = dict.fromkeys(self.pairs()), []
        for case in cases:
            self.cover(left, case["values"])
        while left:
            pair = next(iter(left))
            values = self.completed(self.base | dict(pair), frozenset(dict(pair)))
            if not values:
                refused.append(pair)
                del left[pair]
                continue
            values = self.enriched(values, dict(pair), left)
            self.cover(left, values)
            differing = [f"{name}={abridged(value)}" for name, value in values.items() if value != self.base[name]]
            cases.append({"label": " ".join(["pairs of", *differing]), "values": values})
        return cases, refused

    def enriched(self, values, fixed, left):
        """The same case with further choices, as long as each brings pairs that no case has yet."""
        wanted = {}
        for pair in left:
            for name, value in pair:
                wanted[name, value] = wanted.get((name, value), 0) + 1
        for (name, value), _ in sorted(wanted.items(), key=lambda one: -one[1]):
            if name not in fixed and values[name] != value:
                more = self.completed(values | {name: value}, frozenset(fixed) | {name})
                if more and self.gain(left, more) > self.gain(left, values):
                    values = more
        return values

    @staticmethod
    def gain(left, values):
        return sum(values[one] == first and values[other] == second for (one, first), (other, second) in left)

    @staticmethod
    def cover(left, values):
        for pair in [pair for pair in left if all(values[name] == value for name, value in pair)]:
            del left[pair]


def abridged(value):
    return value if len(value) <= 40 else f"{value[:30]}...{value[-7:]}"


def references(node):
    """The names that a part of a template refers to, each once, in its order."""
    return dict.fromkeys(_references(node))


def _references(node):
    if isinstance(node, dict):
        for key, value in node.items():
            if key in ("Ref", "Condition") and isinstance(value, str):
                yield value
            elif key == "Fn::GetAtt":
                yield value.split(".")[0] if isinstance(value, str) else value[0]
            elif key == "Fn::If":
                yield value[0]
                yield from _references(value[1:])
            elif key == "Fn::Sub":
                text = value if isinstance(value, str) else value[0]
                yield from (part.split("}")[0] for part in text.split("${")[1:])
                yield from _references(value)
            else:
                yield from _references(value)
    elif isinstance(node, list):
        for one in node:
            yield from _references(one)


def touched(template):
    """The parameters that each resource depends on, its conditions' included."""
    sections = template["Conditions"]

    def behind(node, seen=()):
        for name in references(node):
            yield name
            if name in sections and name not in seen:
                yield from behind(sections[name], (*seen, name))

    common = template.get("Globals", {})
    return {
        name: set(behind([resource, common if str(resource).find("AWS::Serverless") >= 0 else {}]))
        for name, resource in template["Resources"].items()
    }
