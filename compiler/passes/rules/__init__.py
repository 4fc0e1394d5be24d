"""The rules of `simplify`, by subject: plain data, see pattern.py for how to read them.

Layer: compiler/passes/rules. `RULES` holds all of them; within one root op the first that applies
wins. A rule's right side never costs more than its left side.
"""

from . import algebra, fast, logic, shape, traits

RULES = (*traits.RULES, *algebra.RULES, *logic.RULES, *shape.RULES, *fast.RULES)
