"""Code in pages: a language switch, a copy button, light colouring; and JSON laid out for reading."""

import re
import textwrap
from typing import Any, NamedTuple

import orjson
from django.template import Context, Node, NodeList, TemplateSyntaxError
from django.template.base import Parser, Token
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

# Strings, then comments; a comment begins a line, so that "https://" and "#" inside code stay code.
CODE = re.compile(
    r"""(?P<em>"(?:\\.|[^"\\\n])*"|'[^']*')|(?P<b>^[ \t]*(?:\#|//|<!--).*$|^HTTP/.*$|^\d{3} [A-Z].*$)""", re.MULTILINE
)
KEY_OR_TEXT = re.compile(r'"(?:\\.|[^"\\])*"(\s*:)?')


class Sample(NamedTuple):
    language: str
    text: str
    coloured: SafeString


def coloured(text: str) -> SafeString:
    """Escape code, with strings and comments in their colours."""
    parts: list[str] = []
    last = 0
    for found in CODE.finditer(text):
        parts.append(escape(text[last : found.start()]))
        parts.append(f"<{found.lastgroup}>{escape(found.group())}</{found.lastgroup}>")
        last = found.end()
    return mark_safe("".join(parts) + escape(text[last:]))


def json_lines(value: Any) -> SafeString:
    """Write a value as indented JSON, keys and texts in their colours."""
    text = orjson.dumps(value, option=orjson.OPT_INDENT_2, default=str).decode()
    parts: list[str] = []
    last = 0
    for found in KEY_OR_TEXT.finditer(text):
        parts.append(escape(text[last : found.start()]))
        word, colon = found.group(), found.group(1) or ""
        word = word.removesuffix(colon)
        parts.append(f"<i>{escape(word)}</i>{colon}" if colon else f"<em>{escape(word)}</em>")
        last = found.end()
    return mark_safe("".join(parts) + escape(text[last:]))


def _code(text: str) -> str:
    """Take code out of the <pre> that keeps template formatters away from it."""
    text = text.strip()
    if text.startswith("<pre>") and text.endswith("</pre>"):
        text = text[5:-6]
    return textwrap.dedent(text.strip("\n")).rstrip()


class CodesNode(Node):
    """{% codes %}{% language "curl" %}…{% endlanguage %}…{% endcodes %}"""

    def __init__(self, samples: list[tuple[str, NodeList]]) -> None:
        self.samples = samples

    def render(self, context: Context) -> SafeString:
        samples = []
        before, context.autoescape = context.autoescape, False  # the text is escaped once, when it is coloured
        for language, nodes in self.samples:
            text = _code(str(nodes.render(context)))
            samples.append(Sample(language, text, coloured(text)))
        context.autoescape = before
        template = context.template.engine.get_template("parts/code.html")  # type: ignore[union-attr]
        with context.push(samples=samples):
            return template.render(context)


def codes(parser: Parser, _token: Token) -> CodesNode:
    """Show code in one or several languages. Plain text without {% language %} is one sample without a name."""
    samples: list[tuple[str, NodeList]] = []
    while True:
        nodes = parser.parse(("language", "endcodes"))
        tag = parser.next_token()
        if tag.contents == "endcodes":
            if not samples:
                samples.append(("", nodes))
            return CodesNode(samples)
        words = tag.split_contents()
        if len(words) != 2 or words[1][0] != '"':
            raise TemplateSyntaxError('{% language "curl" %} takes one name in quotes')
        samples.append((words[1].strip('"'), parser.parse(("endlanguage",))))
        parser.delete_first_token()
