"""Ready-made views: funnels and adoption that most products want, to be filled with a project's own event names."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlencode

from analytics import catalogue
from analytics.likeness import likeness
from customers.models import Project
from growthplatform.core.errors import InvalidField

# A name below this is offered in the list, but not chosen by itself.
SURE = 0.7
POSSIBLE = 0.5
OFFERED = 5
# Of the names, those received most often are looked at: comparing thousands would take seconds.
LOOKED_AT = 400
# What each further synonym of a wanted event loses, so that the first one wins where both fit.
LATER = 0.01


@dataclass(frozen=True)
class Wanted:
    """An event that a template asks for, and how products call it; the first name is the one we would give it."""

    key: str
    title: str
    names: tuple[str, ...]
    help: str = ""
    optional: bool = False


@dataclass(frozen=True)
class Plan:
    """A view of a template: its analysis, the wanted events in their order, and the rest of the question.

    `parameter` is what carries the events in the address; with fewer than `least` of them there is no such view.
    """

    name: str
    kind: str
    wanted: tuple[str, ...]
    parameter: str
    rest: Mapping[str, str] = field(default_factory=dict)
    least: int = 1


@dataclass(frozen=True)
class Template:
    key: str
    title: str
    lead: str
    icon: str
    wanted: tuple[Wanted, ...]
    plans: tuple[Plan, ...]


@dataclass(frozen=True)
class Suggestion:
    """A real event that may be the wanted one; `score` says how sure that is (0-1)."""

    name: str
    score: float
    events: int


@dataclass(frozen=True)
class Filled:
    """A view to be saved."""

    name: str
    kind: str
    query: str


VISITOR = Wanted(
    "visitor",
    "Visitor",
    ("Page: *", "Page Viewed", "Site Visited", "Application Opened", "Screen: *"),
    "The first thing that anybody does: any page of the site, or opening the app.",
)
STARTED = Wanted(
    "signup_started",
    "Sign-up started",
    ("Signup Started", "Sign Up Clicked", "Page: Sign up", "Page: Register", "Registration Started", "Screen: Sign up"),
    "The form was opened or its button pressed.",
    optional=True,
)
SIGNUP = Wanted(
    "signup",
    "Signup",
    ("Signed Up", "Signup Completed", "Account Created", "User Registered", "Registration Completed", "User Created"),
    "An account was made.",
)
VERIFIED = Wanted(
    "verified",
    "Verified",
    ("Email Verified", "Verified", "Account Verified", "Email Confirmed", "Phone Verified", "Account Activated"),
    "The address or number was confirmed.",
    optional=True,
)
EDITOR = Wanted(
    "editor",
    "Editor opened",
    ("Editor Opened", "Video Started", "Project Created", "Draft Created", "Recording Started", "Onboarding Completed"),
    "The first look at the tool itself.",
    optional=True,
)
VIDEO = Wanted(
    "first_video",
    "First video",
    (
        "First Video Created",
        "Video Created",
        "First Video",
        "Video Rendered",
        "Video Exported",
        "Video Published",
        "Video Generated",
        "Project Published",
        "Note Created",
    ),
    "What your product is for was done once; it need not be a video.",
)
SHARED = Wanted(
    "shared",
    "Shared",
    ("Video Shared", "Video Downloaded", "Video Published", "Project Shared", "Link Shared", "Note Shared"),
    "The result left the product.",
    optional=True,
)
INVITED = Wanted(
    "invited",
    "Teammate invited",
    ("Teammate Invited", "Member Invited", "Invitation Sent", "User Invited", "Invite Sent"),
    optional=True,
)
PRO = Wanted(
    "pro",
    "Pro",
    (
        "Upgraded to Pro",
        "Subscription Started",
        "Plan Upgraded",
        "Subscription Created",
        "Checkout Completed",
        "Order Completed",
        "Payment Succeeded",
        "Purchase Completed",
        "Trial Started",
    ),
    "Somebody pays.",
)
TEMPLATES_USED = Wanted(
    "templates",
    "Templates",
    ("Template Used", "Template Applied", "Template Selected", "Template Chosen", "Template Opened"),
    optional=True,
)
BRANDING = Wanted(
    "branding",
    "Branding",
    ("Branding Applied", "Brand Kit Created", "Logo Uploaded", "Brand Colors Changed", "Theme Changed"),
    optional=True,
)
INTEGRATIONS = Wanted(
    "integrations",
    "Integrations",
    ("Integration Connected", "Integration Installed", "Integration Enabled", "App Connected", "Webhook Created"),
    optional=True,
)
TEAM = Wanted(
    "team",
    "Team",
    ("Teammate Invited", "Member Invited", "Comment Added", "Workspace Shared", "Note Shared", "Project Shared"),
    optional=True,
)
EXPORT = Wanted(
    "export",
    "Export",
    ("Video Exported", "Export Completed", "File Downloaded", "Report Exported", "Note Exported"),
    optional=True,
)

TEMPLATES = (
    Template(
        "visitor-to-pro",
        "Visitor to Pro",
        "The whole way: who visits, signs up, verifies, makes a first video and pays, and where people are lost.",
        icon="filter",
        wanted=(VISITOR, SIGNUP, VERIFIED, VIDEO, PRO),
        plans=(
            Plan(
                "Visitor to Pro",
                "funnel",
                ("visitor", "signup", "verified", "first_video", "pro"),
                "step",
                {"window": "30d", "range": "90d"},
                least=2,
            ),
        ),
    ),
    Template(
        "signup",
        "Sign-up",
        "From the first page to a verified account, within a day.",
        icon="user-plus",
        wanted=(VISITOR, STARTED, SIGNUP, VERIFIED),
        plans=(
            Plan(
                "Sign-up",
                "funnel",
                ("visitor", "signup_started", "signup", "verified"),
                "step",
                {"window": "1d"},
                least=2,
            ),
            Plan("New accounts", "trend", ("signup",), "event", {"event1.measure": "people"}),
        ),
    ),
    Template(
        "first-video",
        "First video",
        "How many of those who sign up get to what the product is for, within a week.",
        icon="video",
        wanted=(SIGNUP, EDITOR, VIDEO, SHARED),
        plans=(
            Plan(
                "First video",
                "funnel",
                ("signup", "editor", "first_video", "shared"),
                "step",
                {"window": "7d"},
                least=2,
            ),
        ),
    ),
    Template(
        "activation",
        "Activation",
        "Who signs up, does the first important thing and brings others along, within two weeks.",
        icon="bolt",
        wanted=(SIGNUP, VERIFIED, VIDEO, INVITED),
        plans=(
            Plan(
                "Activation",
                "funnel",
                ("signup", "verified", "first_video", "invited"),
                "step",
                {"window": "14d"},
                least=2,
            ),
        ),
    ),
    Template(
        "features",
        "Feature adoption",
        "Of your active people, how many use each feature, how often, and whether they come back to it.",
        icon="puzzle",
        wanted=(TEMPLATES_USED, BRANDING, INTEGRATIONS, TEAM, EXPORT),
        plans=(
            Plan(
                "Feature adoption",
                "adoption",
                ("templates", "branding", "integrations", "team", "export"),
                "event",
                {"range": "90d"},
            ),
            Plan(
                "Features used",
                "trend",
                ("templates", "branding", "integrations", "team", "export"),
                "event",
                {f"event{place}.measure": "people" for place in range(1, 6)},
            ),
        ),
    ),
)


def template(key: str) -> Template | None:
    """Return a template, None for a key that is none."""
    return next((one for one in TEMPLATES if one.key == key), None)


def suggestions(project: Project, found: Template) -> dict[str, list[Suggestion]]:
    """Return for each wanted event the real ones that may be it, the likeliest first; none where nothing is alike."""
    known = catalogue.events_of(project)[:LOOKED_AT]
    return {wanted.key: _suggested(wanted, known) for wanted in found.wanted}


def _suggested(wanted: Wanted, known: Sequence[catalogue.EventName]) -> list[Suggestion]:
    real = {one.label: one.events for one in known}
    for whole in ("Page: *", "Screen: *"):
        number = sum(one.events for one in known if one.label.startswith(whole[:-1]))
        if number and whole in wanted.names:
            real[whole] = number
    scored = [Suggestion(name, _score(wanted, name), number) for name, number in real.items()]
    likely = [one for one in scored if one.score >= POSSIBLE]
    return sorted(likely, key=lambda one: (-one.score, -one.events, one.name))[:OFFERED]


def _score(wanted: Wanted, name: str) -> float:
    scores = (
        (float(name == synonym) if synonym.endswith("*") else likeness(synonym, name)) - LATER * place
        for place, synonym in enumerate(wanted.names)
    )
    return max(0.0, round(max(scores), 4))


def chosen(project: Project, found: Template) -> dict[str, str]:
    """Return the real event that each wanted one most likely is; none is taken twice, unsure ones are left out."""
    offered = suggestions(project, found)
    pairs = [(one, key) for key, some in offered.items() for one in some if one.score >= SURE]
    taken: dict[str, str] = {}
    for one, key in sorted(pairs, key=lambda pair: -pair[0].score):
        if key not in taken and one.name not in taken.values():
            taken[key] = one.name
    return {wanted.key: taken[wanted.key] for wanted in found.wanted if wanted.key in taken}


def coverage(project: Project, found: Template) -> float:
    """Return which share of a template's wanted events the project surely sends (0-1)."""
    return len(chosen(project, found)) / len(found.wanted)


def fill(found: Template, events: Mapping[str, str]) -> list[Filled]:
    """Return the views of a template for the events that were chosen, by key; "" leaves one out.

    Raises InvalidField, named by the key, for an event that is needed and not chosen.
    """
    given = {key: name.strip() for key, name in events.items() if name.strip()}
    for wanted in found.wanted:
        if not wanted.optional and wanted.key not in given:
            raise InvalidField.named(wanted.key, f"choose the event that means “{wanted.title}”.")
    views = [view for plan in found.plans if (view := _view(plan, given))]
    if not views:
        raise InvalidField.named(found.wanted[0].key, "choose at least one event.")
    return views


def _view(plan: Plan, given: Mapping[str, str]) -> Filled | None:
    names = [given[key] for key in plan.wanted if key in given]
    if len(names) < plan.least:
        return None
    # Settings of the events that were left out would be of events that are not there.
    rest = [
        (name, value) for name, value in plan.rest.items() if _within(name.removeprefix(plan.parameter), len(names))
    ]
    return Filled(plan.name, plan.kind, urlencode([*((plan.parameter, name) for name in names), *rest]))


def _within(name: str, number: int) -> bool:
    """Say whether "2.measure" is of one of so many events; what begins otherwise is of none of them."""
    place = name.partition(".")[0]
    return not place.isdigit() or int(place) <= number
