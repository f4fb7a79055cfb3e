"""The rehearsal's own parts, held to what they promise. `make rehearse` runs these first."""

import unittest
from unittest import mock

import tomlkit

import choices
import conditions
import findings
import texts

TEMPLATE = {
    "Parameters": {
        "Cluster": {"Type": "String", "Default": "new", "AllowedValues": ["new", "existing"]},
        "ClusterArn": {"Type": "String", "Default": "", "AllowedPattern": "(arn:.+)?"},
        "Days": {"Type": "Number", "Default": 1, "AllowedValues": [1, 3, 5]},
        "Level": {"Type": "String", "Default": "info", "AllowedValues": ["info", "warn"]},
    },
    "Rules": {
        "Existing": {
            "RuleCondition": {"Fn::Equals": [{"Ref": "Cluster"}, "existing"]},
            "Assertions": [{"Assert": {"Fn::Not": [{"Fn::Equals": [{"Ref": "ClusterArn"}, ""]}]}, "AssertDescription": "name it"}],
        },
        "New": {
            "RuleCondition": {"Fn::Equals": [{"Ref": "Cluster"}, "new"]},
            "Assertions": [{"Assert": {"Fn::Equals": [{"Ref": "ClusterArn"}, ""]}, "AssertDescription": "name none"}],
        },
    },
    "Conditions": {"Makes": {"Fn::Equals": [{"Ref": "Cluster"}, "new"]}},
    "Resources": {
        "Log": {"Condition": "Makes", "Days": {"Ref": "Days"}},
        "Level": {"Value": {"Ref": "Level"}},
        "Role": {"Arn": {"Fn::Sub": "${ClusterArn}/*"}, "On": {"Ref": "Cluster"}},
    },
}


class Texts(unittest.TestCase):
    def test_the_ends_of_a_pattern_are_its_shortest_and_its_longest_text(self):
        self.assertEqual(texts.extremes("[a-c]{1,4}"), ["a", "abca"])
        self.assertEqual(texts.extremes("(sg-[0-9a-f]+)?"), ["", "sg-0", "sg-0123456789abcdef0"])
        self.assertEqual(texts.extremes(r"8\.(4|40)"), ["8.4", "8.40"])

    def test_a_text_that_its_pattern_does_not_admit_is_an_error(self):
        with self.assertRaises(ValueError):
            texts.extremes("(?!a)[ab]")


class Cases(unittest.TestCase):
    def setUp(self):
        self.choices = choices.Choices(TEMPLATE, {"default": {}})
        self.cases, self.refused = self.choices.cases()

    def test_no_rule_refuses_a_case(self):
        for case in self.cases:
            self.assertEqual(conditions.refusals(TEMPLATE, case["values"]), [], case)

    def test_each_value_of_each_parameter_has_a_case(self):
        for name in TEMPLATE["Parameters"]:
            for value in {*self.choices.listed(name), *self.choices.ends(name)}:
                self.assertTrue(any(case["values"][name] == value for case in self.cases), (name, value))

    def test_each_pair_that_touches_a_resource_has_a_case_or_is_refused(self):
        pairs = list(self.choices.pairs())
        names = {tuple(name for name, _ in pair) for pair in pairs}
        self.assertEqual(names, {("Cluster", "Days"), ("Cluster", "ClusterArn")})
        for pair in pairs:
            covered = any(all(case["values"][name] == value for name, value in pair) for case in self.cases)
            self.assertNotEqual(covered, pair in self.refused, pair)
        self.assertEqual(len(self.refused), 2)

    def test_a_value_that_no_deployment_uses_is_an_error(self):
        unused = {name: one for name, one in TEMPLATE["Resources"].items() if name != "Level"}
        with self.assertRaisesRegex(ValueError, "no deployment .* has a use for Level=warn"):
            choices.Choices(TEMPLATE | {"Resources": unused}, {}).cases()

    def test_a_parameter_without_a_default_needs_an_example(self):
        with self.assertRaisesRegex(ValueError, "Unheard"):
            choices.Choices(TEMPLATE | {"Parameters": {"Unheard": {"Type": "String"}}}, {})


class Judgement(unittest.TestCase):
    ENTRY = {"checker": "cfn-lint", "rule": "W1", "resource": "Log", "reason": "none"}

    def judged(self, found, entries, partial=False):
        with mock.patch.object(findings, "ACCEPTED") as file:
            file.read_text.return_value = tomlkit.dumps({"accepted": entries})
            return list(findings.judged(found, [], partial))

    def finding(self, rule):
        return findings.Finding("cfn-lint", rule, "Log", "", "a message", "a case")

    def test_a_finding_is_wrong_unless_an_entry_accepts_it(self):
        self.assertEqual(self.judged([self.finding("W1")], [self.ENTRY]), [])
        self.assertRegex(*self.judged([self.finding("W12"), self.finding("W1")], [self.ENTRY]), "W12 at Log")

    def test_an_entry_that_nothing_needs_is_wrong_unless_only_a_part_is_rehearsed(self):
        self.assertRegex(*self.judged([], [self.ENTRY]), "nothing needs")
        self.assertEqual(self.judged([], [self.ENTRY], partial=True), [])

    def test_an_entry_without_a_reason_is_an_error(self):
        with self.assertRaisesRegex(ValueError, "reason"):
            self.judged([], [self.ENTRY | {"reason": ""}])

    def test_a_checker_that_does_not_find_its_fault_is_wrong(self):
        with mock.patch.object(findings, "Accepted"):
            self.assertRegex(*findings.judged([], ["parliament"], partial=True), "parliament does not find")


if __name__ == "__main__":
    unittest.main(verbosity=0)
