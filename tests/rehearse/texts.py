"""The shortest and the longest text that a parameter's pattern admits, read from Python's own parse of the pattern."""

import re
import string

try:
    from re import _constants as op, _parser as parser
except ImportError:  # before Python 3.11
    import sre_constants as op
    import sre_parse as parser

# A repetition without an end is taken this often: EC2's ids have 17 digits, and a list of 5 is a long one.
CHARACTERS, GROUPS = 17, 5

CATEGORIES = {
    op.CATEGORY_DIGIT: string.digits,
    op.CATEGORY_WORD: string.ascii_letters + string.digits + "_",
    op.CATEGORY_NOT_SPACE: string.ascii_lowercase,
    op.CATEGORY_SPACE: " ",
}


def extremes(pattern):
    """The shortest text, the shortest that is not empty, and the longest."""
    tree = parser.parse(pattern)
    found = [text(tree, longest) for longest in (False, True)]
    found.insert(1, text(tree, False, at_least=1))
    for one in found:
        if not re.fullmatch(pattern, one):
            raise ValueError(f"{one!r} was made of the pattern {pattern!r}, which does not admit it")
    return list(dict.fromkeys(found))


def text(tree, longest, at_least=0):
    return "".join(part(kind, value, longest, at_least) for kind, value in tree)


def part(kind, value, longest, at_least):
    if kind == op.LITERAL:
        return chr(value)
    if kind == op.SUBPATTERN:
        return text(value[-1], longest, at_least)
    if kind == op.BRANCH:
        return sorted((text(branch, longest, at_least) for branch in value[1]), key=len)[-1 if longest else 0]
    if kind == op.MAX_REPEAT:
        least, most, tree = value
        allowed = characters(tree)
        if most is op.MAXREPEAT:
            most = CHARACTERS if allowed else GROUPS
        count = most if longest else max(least, at_least)
        # Each character of a class in turn: a hyphen or a dot may be what a service refuses.
        return "".join(allowed[at % len(allowed)] if allowed else text(tree, longest) for at in range(count))
    if kind in (op.ASSERT, op.ASSERT_NOT, op.AT):
        return ""
    return characters([(kind, value)])[0]


def characters(tree):
    """The characters that a single class or character stands for; none for a group."""
    kind, value = tree[0] if len(tree) == 1 else (None, None)
    if kind == op.LITERAL:
        return chr(value)
    if kind == op.ANY:
        return string.ascii_lowercase
    if kind == op.NOT_LITERAL:
        return string.ascii_lowercase.replace(chr(value), "")
    if kind != op.IN:
        return ""
    allowed = ""
    for kind, one in value:
        if kind == op.NEGATE:
            excluded = characters([(op.IN, value[1:])])
            return "".join(each for each in string.ascii_lowercase if each not in excluded)
        if kind == op.RANGE:
            allowed += "".join(map(chr, range(one[0], one[1] + 1)))
        else:
            allowed += CATEGORIES[one] if kind == op.CATEGORY else chr(one)
    return allowed
