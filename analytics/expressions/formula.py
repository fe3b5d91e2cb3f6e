"""Formulas over series, like A/B*100. Plain Python: read by a small parser, never run as code."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

TOKEN = re.compile(r"\s*(?:(\d+(?:\.\d+)?|\.\d+)|([A-Za-z])(?![A-Za-z0-9])|([-+*/()]))")
LONGEST = 200
DEEPEST = 50

Number = float | None
Values = Mapping[str, Number]


class FormulaError(ValueError):
    """A formula that can't be read; the message says where and why."""


@dataclass(frozen=True)
class Formula:
    """A formula as it was written, the letters of the series it uses, and its value for numbers of those."""

    text: str
    letters: frozenset[str]
    value: Callable[[Values], Number]


def parse(text: str, letters: str) -> Formula:
    """Read a formula of numbers, + - * / ( ) and the given letters of series.

    Its value is None where a number is missing or something is divided by zero. Raises FormulaError.
    """
    if len(text) > LONGEST:
        raise FormulaError(f"is longer than {LONGEST} characters.")
    reader = _Reader(_tokens(text), letters)
    value = reader.sum(0)
    if reader.next is not None:
        raise FormulaError(f"“{reader.next}” is one too many.")
    if not reader.used:
        raise FormulaError("names no series: write A for the first one.")
    return Formula(text, frozenset(reader.used), value)


def _tokens(text: str) -> list[str]:
    found: list[str] = []
    place = 0
    while text[place:].strip():
        token = TOKEN.match(text, place)
        if not token:
            raise FormulaError(f"“{text[place:].strip()[:10]}” is no number, series or one of + - * / ( ).")
        found.append(token[0].strip().upper())
        place = token.end()
    return found


class _Reader:
    """Recursive descent; each method returns a function from the values of the series to a number."""

    def __init__(self, tokens: list[str], letters: str) -> None:
        self.tokens, self.letters = tokens, letters
        self.place = 0
        self.used: set[str] = set()

    @property
    def next(self) -> str | None:
        return self.tokens[self.place] if self.place < len(self.tokens) else None

    def take(self) -> str:
        if self.next is None:
            raise FormulaError("ends too early.")
        self.place += 1
        return self.tokens[self.place - 1]

    def sum(self, depth: int) -> Callable[[Values], Number]:
        left = self.product(depth)
        while self.next in {"+", "-"}:
            left = _both(self.take(), left, self.product(depth))
        return left

    def product(self, depth: int) -> Callable[[Values], Number]:
        left = self.atom(depth)
        while self.next in {"*", "/"}:
            left = _both(self.take(), left, self.atom(depth))
        return left

    def atom(self, depth: int) -> Callable[[Values], Number]:
        if depth > DEEPEST:
            raise FormulaError("has too many parts inside each other.")
        word = self.take()
        if word == "-":
            return _both("-", lambda _: 0.0, self.atom(depth + 1))
        if word == "(":
            inner = self.sum(depth + 1)
            if self.next != ")":
                raise FormulaError("has a ( that is never closed.")
            self.take()
            return inner
        if word in self.letters:
            self.used.add(word)
            return lambda values: values.get(word)
        if word.isalpha():
            raise FormulaError(f"“{word}” is no series: there {_there_are(self.letters)}.")
        if word in "+*/)":
            raise FormulaError(f"“{word}” needs something before it.")
        number = float(word)
        return lambda _: number


def _there_are(letters: str) -> str:
    return f"is only {letters}" if len(letters) == 1 else f"are {letters[0]} to {letters[-1]}"


def _both(sign: str, left: Callable[[Values], Number], right: Callable[[Values], Number]) -> Callable[[Values], Number]:
    def value(values: Values) -> Number:
        first, second = left(values), right(values)
        if first is None or second is None:
            return None
        if sign == "/":
            return first / second if second else None
        return {"+": first + second, "-": first - second, "*": first * second}[sign]

    return value
