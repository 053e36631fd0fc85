"""The language of `if`, read by its own grammar into a syntax tree that simpleeval evaluates.

Upstream's is antonmedv/expr 1.9: operators grouped from the left by their rank, `? :`, `?.`,
lists, maps, slices, ranges, and functions of lists whose closure calls the item `#`. `.field` is
the item's field in a closure and the Experiment's outside. Beyond upstream `not` holds of a whole
comparison, which there is an error for everything but truth values.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from crossfade_actuator.actions.operators import CLOSURES, NOT, RANKS, SIGN, call, joined, over

_TOKEN = re.compile(
    r"""\s*(?:(?P<number>0x[0-9a-fA-F]+|\d[\d_]*(?:\.\d+)?(?:[eE][+-]?\d+)?)
      |(?P<text>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")
      |(?P<name>[A-Za-z_$][\w$]*)
      |(?P<sign>\*\*|\.\.|==|!=|<=|>=|&&|\|\||\?\.|[-+*/%<>!?:,.\#()\[\]{}])
      |(?P<foreign>\S))""",
    re.VERBOSE | re.DOTALL,
)


def read(expression: str) -> ast.expr:
    """The tree of an expression. Raises SyntaxError with what was found and what would be right."""
    reader = _Reader(expression)
    tree = reader.expression()
    reader.expect("")
    return tree


def _tokens(expression: str) -> Iterator[tuple[str, str]]:
    for found in _TOKEN.finditer(expression.rstrip()):
        kind = found.lastgroup or ""
        if kind == "foreign":
            raise SyntaxError(f"found {found[kind]}, which is no operator here")
        yield kind, found[kind]


class _Reader:
    """One expression and how far it has been read; `closures` is how many are open."""

    def __init__(self, expression: str) -> None:
        self.tokens = [*_tokens(expression), ("end", "")]
        self.at = self.closures = 0

    def expression(self, least: int = 0) -> ast.expr:
        left = self.unary()
        while (sign := self.operator()) and RANKS[sign] >= least:
            self.at += 2 if sign == "not in" else 1
            # Only powers group from the right.
            right = self.expression(RANKS[sign] + (sign != "**"))
            left = joined(sign, left, right)
        return left if least else self.conditional(left)

    def conditional(self, test: ast.expr) -> ast.expr:
        while self.taken("?"):
            yes = test if self.sees(":") else self.expression()
            self.expect(":")
            test = ast.IfExp(test, yes, self.expression())
        return test

    def unary(self) -> ast.expr:
        if self.taken("not", "!"):
            return ast.UnaryOp(ast.Not(), self.expression(NOT))
        if self.taken("-"):
            return ast.UnaryOp(ast.USub(), self.expression(SIGN))
        if self.taken("+"):
            return ast.UnaryOp(ast.UAdd(), self.expression(SIGN))
        return self.behind(self.primary())

    def primary(self) -> ast.expr:
        if self.taken("("):
            inner = self.expression()
            self.expect(")")
            return inner
        if self.taken("["):
            return ast.List(self.several("]"), ast.Load())
        if self.taken("{"):
            return self.a_map()
        return self.item() if self.sees("#", ".") else self.word()

    def word(self) -> ast.expr:
        kind, text = self.tokens[self.at]
        if kind in ("number", "text"):
            self.at += 1
            return ast.Constant(ast.literal_eval(text))
        name = self.name("a value")
        return self.called(name) if self.taken("(") else ast.Name(name, ast.Load())

    def a_map(self) -> ast.expr:
        keys: list[ast.expr | None] = []
        values: list[ast.expr] = []
        while not self.sees("}"):
            key = self.primary()
            keys.append(ast.Constant(key.id) if isinstance(key, ast.Name) else key)
            self.expect(":")
            values.append(self.expression())
            if not self.taken(","):
                break
        self.expect("}")
        return ast.Dict(keys, values)

    def item(self) -> ast.expr:
        if self.closures:
            self.taken("#")
            return ast.Name(f"#{self.closures}", ast.Load())
        if self.taken("#"):
            raise SyntaxError("found # outside of { }; right is a function of lists around it")
        self.expect(".")
        return self.word()

    def called(self, function: str) -> ast.expr:
        if function not in CLOSURES:
            return call(function, *self.several(")"))
        items = self.expression()
        self.expect(",")
        self.expect("{")
        self.closures += 1
        item, wanted = ast.Name(f"#{self.closures}", ast.Store()), self.expression()
        self.closures -= 1
        self.expect("}")
        self.expect(")")
        return over(function, call("a list", items), item, wanted)

    def behind(self, value: ast.expr) -> ast.expr:
        sign = "."
        while self.sees(".", "?.", "["):
            if self.taken("["):
                value = self.indexed(value)
                continue
            # As upstream, what follows a ?. is nil too.
            sign = "?." if self.taken("?.") or not self.taken(".") else sign
            name = self.name()
            if self.sees("("):
                raise SyntaxError(f"found a call of .{name}(), which nothing here has")
            value = call(sign, value, ast.Constant(name))
        return value

    def indexed(self, value: ast.expr) -> ast.expr:
        key: ast.expr = ast.Constant(None) if self.sees(":") else self.expression()
        if self.taken(":"):
            last = None if self.sees("]") else self.expression()
            key = ast.Slice(key, last)
        self.expect("]")
        return ast.Subscript(value, key, ast.Load())

    def several(self, end: str) -> list[ast.expr]:
        found: list[ast.expr] = []
        while not self.sees(end):
            found.append(self.expression())
            if not self.taken(","):
                break
        self.expect(end)
        return found

    def operator(self) -> str:
        """The operator that stands here; nothing where none does."""
        kind, text = self.tokens[self.at]
        if text == "not" and self.tokens[self.at + 1][1] == "in":
            return "not in"
        return text if kind in ("sign", "name") and text in RANKS else ""

    def name(self, right: str = "a name") -> str:
        kind, text = self.tokens[self.at]
        if kind != "name":
            raise self.unexpected(right)
        self.at += 1
        return text

    def sees(self, *signs: str) -> bool:
        kind, text = self.tokens[self.at]
        return kind in ("sign", "name") and text in signs

    def taken(self, *signs: str) -> bool:
        seen = self.sees(*signs)
        self.at += seen
        return seen

    def expect(self, sign: str) -> None:
        if self.tokens[self.at] != ("sign" if sign else "end", sign):
            raise self.unexpected(sign or "an operator or the end")
        self.at += 1

    def unexpected(self, right: str) -> SyntaxError:
        return SyntaxError(f"found {self.tokens[self.at][1] or 'the end'}; right is {right}")
