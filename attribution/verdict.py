"""A decision in words, as a person would tell it. Takes plain values; knows no database, no clock."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from attribution import facts, reasons, rules
from growthplatform.core.formats import chance, span
from growthplatform.core.sources import look_of

TOLD = 4
NUMBERS = ("No", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine", "Ten", "Eleven", "Twelve")

# How a tier is called in a table, and how sure it is.
TIER_NAMES = {
    rules.INSTALL_REFERRER: "Install referrer",
    rules.CLICK_ID: "Click id",
    rules.DEVICE_ID: "Device id",
    rules.META_REFERRER: "Meta referrer",
    rules.APPLE_ADS: "Apple Ads",
    rules.PERSON_ID: "Person id",
    rules.CONTACT_HASH: "E-mail or phone",
    rules.PROBABILISTIC: "Network and device",
    rules.VIEW: "View",
    rules.ORGANIC: "Organic",
}
EVIDENCE = {
    rules.INSTALL_REFERRER: "the install referrer",
    rules.CLICK_ID: "the click id",
    rules.DEVICE_ID: "a device id",
    rules.META_REFERRER: "Meta’s referrer",
    rules.APPLE_ADS: "Apple Ads",
    rules.PERSON_ID: "your own id of the person",
    rules.CONTACT_HASH: "the same e-mail or phone",
    rules.PROBABILISTIC: "network and device",
    rules.VIEW: "a view",
}
TIER_MEANS = {
    rules.INSTALL_REFERRER: "Google Play handed the click id to the app",
    rules.CLICK_ID: "The app sent the click id",
    rules.DEVICE_ID: "Click and install carry the same device or advertising id",
    rules.META_REFERRER: "Meta’s encrypted install referrer names the ad",
    rules.APPLE_ADS: "Apple says that Apple Ads brought the install",
    rules.PERSON_ID: "Click and install carry the same user id",
    rules.CONTACT_HASH: "Click and install carry the same hashed e-mail or phone number",
    rules.PROBABILISTIC: "Click and install came from the same address and kind of device",
    rules.VIEW: "An ad was seen on the same device, and nobody clicked",
    rules.ORGANIC: "No touch could have brought the install",
}
CHIPS = {
    "same_click_id": "Same click id",
    "same_referrer_click_id": "Click id in the Play referrer",
    "same_advertising_id": "Same advertising id",
    "same_device_id": "Same device id",
    "said_by_meta": "Meta names this ad",
    "said_by_apple": "Apple names this ad",
    "same_user_id": "Same user id",
    "same_email": "Same e-mail",
    "same_phone": "Same phone",
    "same_network_and_device": "Same network and device",
    "same_network": "Same network",
    "latest_click": "Latest click",
    "latest_view": "Latest view",
    "likeliest_click": "Likeliest click",
    "likelier_click_won": "Less likely",
    "stronger_tier_won": "Weaker evidence",
    "click_outranks_view": "Clicks outrank views",
    "later_click_won": "Older click",
    "later_view_won": "Older view",
    "outside_window": "Outside the window",
    "after_install": "After the install",
    "click_after_download_began": "Click came after the download began",
    "zeroed_id": "Placeholder id ignored",
    "bot": "Made by a bot",
    "other_app": "Another app",
    "other_os": "Another operating system",
    "other_os_version": "Another system version",
    "other_device": "Another device model",
    "unknown_device": "Device unknown",
    "no_consent": "No consent on iOS",
    "truncated_address": "Address shortened by policy",
    "view_by_network": "Views need an id",
    "clock_in_future": "Its clock was ahead",
    "below_threshold": "Not likely enough",
    "credited_elsewhere": "Another install has it",
    "other_device_id": "Another device’s id",
    "referrer_says_organic": "Play says organic",
    "fraud": "Blocked as fraud",
    "tier_off": "Kind of match is off",
}
# What tells why a touch was refused, after "TikTok’s click".
REFUSED_BECAUSE = {
    "bot": "was made by a bot",
    "other_app": "advertised another app",
    "after_install": "came after the install",
    "other_os": "came from another operating system",
    "other_os_version": "came from another version of the system",
    "other_device": "came from another model of device",
    "unknown_device": "came from the same network, but the device of one side is unknown",
    "no_consent": "matches by network only, and on iOS that needs the person’s consent",
    "truncated_address": "matches by network only, and this project keeps shortened addresses",
    "view_by_network": "matches by network only, which is too little for a view",
    "other_device_id": "came from a device with another id",
    "referrer_says_organic": "matches by network only, and Google Play says that nobody sent the person",
    "credited_elsewhere": "is what another install is credited to",
    "fraud": "was blocked by a fraud rule",
    "below_threshold": "matches by network only, and is not likely enough to be named",
    "tier_off": "matches in a way that the rules don’t ask for",
}
SAME_IDS = {
    "same_advertising_id": "advertising id",
    "same_device_id": "device id",
    "same_user_id": "user id",
    "same_email": "e-mail address",
    "same_phone": "phone number",
}
NOUNS = {"install": "install", "reinstall": "reinstall", "reattribution": "return"}
KIND_NAMES = {"install": "New install", "reinstall": "Reinstall", "reattribution": "Return to the app"}
KIND_MEANS = {
    "install": "Nobody with this device or this id had installed the app before, as far as the rules look back.",
    "reinstall": "The same device or person had installed the app before. It is counted beside new installs, and the"
    " person’s revenue stays with the source of the first one.",
    "reattribution": "Somebody who had been away came back by a click. It is counted beside new installs.",
}
BEATEN = {"likelier_click_won": "less likely", "later_click_won": "older", "later_view_won": "older"}
ORGANIC_MEANS = "The person came by search, by word of mouth, or through something that carries no link of yours."


@dataclass(frozen=True)
class Said:
    """A piece of a sentence; the facts that matter are strong."""

    text: str
    strong: bool = False


@dataclass(frozen=True)
class Chip:
    """A reason in a few words, with its whole sentence."""

    words: str
    sentence: str


@dataclass(frozen=True)
class Touched:
    """What the words need to know of one candidate."""

    source: str
    campaign: str
    type: str
    tier: str
    eligible: bool
    credited: bool
    reasons: tuple[str, ...]
    age_s: float
    probability: float | None = None
    window_s: float = 0
    fraud: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Return campaign and source; without a campaign the source alone."""
        source = look_of(self.source).name
        return f"{self.campaign} / {source}" if self.campaign else source

    @property
    def noun(self) -> str:
        return "click" if self.type == facts.CLICK else "view"


@dataclass(frozen=True)
class Story:
    """A decision in words: the verdict, and a paragraph on what lost and why."""

    verdict: tuple[Said, ...]
    rest: str

    @property
    def text(self) -> str:
        return "".join(part.text for part in self.verdict)


def number_word(number: int, *, capital: bool = True) -> str:
    """Write a small number as a word; a larger one as a figure."""
    word = NUMBERS[number] if number < len(NUMBERS) else f"{number:,}"
    return word if capital else word.lower()


def tell(tier: str, touches: Sequence[Touched], *, considered: int, widest_s: float, kind: str = "install") -> Story:
    """Tell a decision. `touches` are its candidates, the credited one among them; `considered` counts also those
    that were found and not kept."""
    won = next((touch for touch in touches if touch.credited), None)
    noun = NOUNS.get(kind, kind)
    if won is None:
        return Story(_organic(touches, noun), _organic_rest(touches, widest_s))
    lost = [touch for touch in touches if not touch.credited]
    return Story(_credited(tier, won, noun), _lost(lost, won, max(considered - 1, len(lost))))


def _credited(tier: str, won: Touched, noun: str) -> tuple[Said, ...]:
    name, before = Said(won.name, strong=True), Said(f"{span(won.age_s)} before", strong=True)
    if tier == rules.PROBABILISTIC:
        sure = f", {chance(won.probability)} likely" if won.probability is not None else ""
        how = f" the {noun}, from the same network and kind of device{sure}."
        return Said("Probably "), name, Said(": clicked "), before, Said(how)
    verb = ": shown " if won.type != facts.CLICK else ": clicked "
    return Said("Credited to "), name, Said(verb), before, Said(f" the {noun}, {_evidence(won)}.")


def _evidence(won: Touched) -> str:
    found = set(won.reasons)
    if "same_referrer_click_id" in found:
        return "and Google Play handed its click id to the app"
    if "same_click_id" in found:
        return "with the same click id"
    if "said_by_meta" in found:
        return "and Meta’s install referrer names the ad"
    if "said_by_apple" in found:
        return "and Apple says that this ad brought it"
    words = " and ".join(word for code, word in SAME_IDS.items() if code in found) or "device"
    return f"with the same {words}" + (", and no click matched" if won.type != facts.CLICK else "")


def _organic(touches: Sequence[Touched], noun: str) -> tuple[Said, ...]:
    if not touches:
        return Said("Organic", strong=True), Said(f": no tap and no view shares an id or the network with this {noun}.")
    near = (
        "One touch came near, and it"
        if len(touches) == 1
        else f"{number_word(len(touches))} touches came near, and none"
    )
    return Said("Organic", strong=True), Said(
        f": {near[0].lower()}{near[1:]} could{_not(touches)} have brought this {noun}."
    )


def _not(touches: Sequence[Touched]) -> str:
    return " not" if len(touches) == 1 else ""


def _organic_rest(touches: Sequence[Touched], widest_s: float) -> str:
    if touches:
        return _because(touches, None, Counter(look_of(touch.source).name for touch in touches))
    return f"Looked for in the {span(widest_s)} before the first open. {ORGANIC_MEANS}"


def _lost(lost: Sequence[Touched], won: Touched, number: int) -> str:
    if not lost:
        return "No other touch came into question."
    names = Counter(look_of(touch.source).name for touch in [won, *lost])
    first = f"{number_word(number)} other {'touch' if number == 1 else 'touches'} lost. "
    return first + _because(lost, won, names)


def _because(touches: Sequence[Touched], won: Touched | None, names: Counter[str]) -> str:
    """Say of up to four touches why each lost; the others are in the table below."""
    sentences = []
    for touch in touches[:TOLD]:
        source = look_of(touch.source).name
        owner = source if names[source] == 1 else touch.name
        sentences.append(why_lost(touch, won, owner))
    if len(touches) > TOLD:
        sentences.append("The others are in the table below.")
    return " ".join(sentences)


def why_lost(touch: Touched, won: Touched | None, owner: str) -> str:
    """Say in one sentence why a touch was not credited."""
    whose = f"{owner}’{'' if owner.endswith('s') else 's'} {touch.noun}"
    if "click_after_download_began" in touch.reasons:
        return f"{owner} sent its click after the download had begun, so it can’t have caused the install."
    if refused := _refused(touch):
        return f"{whose} {refused}"
    if "outside_window" in touch.reasons:
        late = span(touch.age_s - touch.window_s)
        return f"{whose} was {late} outside the {window_words(touch.window_s)} window."
    if "click_outranks_view" in touch.reasons:
        return f"{owner} only showed an ad, and a click outranks a view."
    for code, words in BEATEN.items():
        if code in touch.reasons:
            return f"{whose} was {words}."
    if "stronger_tier_won" in touch.reasons and won is not None:
        mine, theirs = EVIDENCE.get(touch.tier, touch.tier), EVIDENCE.get(won.tier, won.tier)
        return f"{whose} matched by {mine}, which is weaker than {theirs}."
    told = " ".join(reasons.sentence(code) for code in touch.reasons)
    return f"{whose}: {told}" if told else f"{whose} could not win."


def _refused(touch: Touched) -> str:
    """Say why a touch could not win in any kind of match, after "TikTok’s click"; "" when it could."""
    if "below_threshold" in touch.reasons and touch.probability is not None:
        return f"matches by network only and is {chance(touch.probability)} likely, too little to be named."
    if "fraud" in touch.reasons and touch.fraud:
        return f"was blocked: {_inside(reasons.sentence(touch.fraud[0]))}"
    return next((f"{words}." for code, words in REFUSED_BECAUSE.items() if code in touch.reasons), "")


def _inside(sentence: str) -> str:
    """Write a sentence as part of another one."""
    return sentence[:1].lower() + sentence[1:]


def window_words(seconds: float) -> str:
    """Write a window before its noun: 7-day, 24-hour."""
    hours = seconds / 3600
    return f"{hours:g}-hour" if hours <= 48 else f"{hours / 24:g}-day"


def chips(touch: Touched) -> list[Chip]:
    """Return a touch's reasons in a few words each; how far outside its window it was is said as well."""
    found = []
    for code in touch.reasons:
        if code == "stronger_tier_won" and "click_outranks_view" in touch.reasons:
            continue  # that a click outranks a view says it already
        words = CHIPS.get(code, code.replace("_", " ").capitalize())
        if code == "outside_window":
            late = span(touch.age_s - touch.window_s)
            words = f"{late} outside the {touch.noun} window"
        found.append(Chip(words, reasons.sentence(code)))
    if touch.credited:
        window = window_words(touch.window_s)
        found.insert(1, Chip("Inside the window", f"It happened within the {window} window of this kind of match."))
    return found


def sureness(tier: str, probability: float | None, reasons_of_won: Sequence[str]) -> tuple[str, str, str]:
    """Return the tag that says how sure a decision is: words, kind, icon."""
    if tier == rules.ORGANIC:
        return "Organic", "", ""
    if tier == rules.PROBABILISTIC:
        sure = f", {chance(probability)}" if probability is not None else ""
        return f"Likely: same network and device{sure}", "accent", ""
    if tier == rules.VIEW:
        return "View of an ad, same device", "good", "check"
    chip = CHIPS.get(reasons_of_won[0], "") if reasons_of_won else ""
    return f"Certain: {chip[:1].lower()}{chip[1:]}" if chip else "Certain", "good", "check"
