"""An element that is only there when something is in it, so that a block left empty leaves no empty paragraph."""

from django.template import Context, Node, NodeList, TemplateSyntaxError
from django.template.base import Parser, Token
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe


class WrapNode(Node):
    """{% wrap "p" "g-2nd" %}{% block lead %}{% endblock %}{% endwrap %}"""

    def __init__(self, element: str, css: str, nodelist: NodeList) -> None:
        self.element = element
        self.css = css
        self.nodelist = nodelist

    def render(self, context: Context) -> SafeString:
        inside = mark_safe(self.nodelist.render(context).strip())
        if not inside:
            return mark_safe("")
        css = format_html(' class="{}"', self.css) if self.css else ""
        return format_html("<{}{}>{}</{}>", self.element, css, inside, self.element)


def wrap(parser: Parser, token: Token) -> WrapNode:
    """Put an element around what is inside, and nothing when that is empty."""
    words = [word.strip('"') for word in token.split_contents()[1:]]
    if len(words) not in {1, 2}:
        raise TemplateSyntaxError('{% wrap "p" "class" %} takes an element and, if wanted, its classes')
    nodes = parser.parse(("endwrap",))
    parser.delete_first_token()
    return WrapNode(words[0], words[1] if len(words) > 1 else "", nodes)
