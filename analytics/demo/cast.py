"""Who appears in the demo: made-up people, where they live, and the devices they hold. No Django, no clock."""

from dataclasses import dataclass
from random import Random

APP = "com.nimbusnotes.app"
SITE = "https://nimbusnotes.example"


@dataclass(frozen=True, slots=True)
class Place:
    country: str
    time_zone: str
    locale: str
    weight: float
    first_names: str
    last_names: str


@dataclass(frozen=True, slots=True)
class Phone:
    """A model on sale, with what its browser says and what the app's library says of it."""

    os_name: str
    os_version: str
    model: str
    manufacturer: str
    agent: str
    screen: tuple[int, int]
    weight: float


@dataclass(slots=True)
class Person:
    """One end user; `device_id` changes with the device, `ip` with the home."""

    number: int
    anonymous_id: str
    place: Place
    phone: Phone
    ip: str
    device_id: str
    advertising_id: str
    may_track: bool
    keenness: float
    name: str = ""
    email: str = ""

    @property
    def user_id(self) -> str:
        return f"user-{self.number}"


PLACES = (
    Place(
        "DE", "Europe/Berlin", "de-DE", 20, "Anna Jonas Lea Paul Mia Lukas Clara Emil", "Weber Krüger Schmitt Lorenz"
    ),
    Place("GB", "Europe/London", "en-GB", 15, "Olivia Harry Isla Jack Freya Oscar Amber", "Clarke Bennett Shah Hughes"),
    Place("US", "America/New_York", "en-US", 13, "Emma Noah Ava Liam Grace Ethan Zoe", "Miller Carter Nguyen Brooks"),
    Place("US", "America/Los_Angeles", "en-US", 9, "Maya Leo Chloe Mason Ruby Dylan", "Garcia Kim Foster Reyes"),
    Place("FR", "Europe/Paris", "fr-FR", 9, "Camille Hugo Manon Louis Inès Théo", "Moreau Girard Lambert Roche"),
    Place("ES", "Europe/Madrid", "es-ES", 7, "Lucía Mateo Paula Pablo Carmen", "Serrano Vidal Ortega Prieto"),
    Place("BR", "America/Sao_Paulo", "pt-BR", 8, "Júlia Pedro Larissa Rafael Beatriz", "Almeida Barbosa Teixeira"),
    Place("IN", "Asia/Kolkata", "en-IN", 9, "Priya Arjun Ananya Rohan Kavya", "Iyer Mehta Chandra Rao"),
    Place("JP", "Asia/Tokyo", "ja-JP", 6, "Yui Haruto Sakura Ren Aoi", "Tanaka Mori Fujita Ogawa"),
    Place("AU", "Australia/Sydney", "en-AU", 4, "Charlotte Cooper Matilda Lachlan", "Walsh Doyle Pearce"),
)
WEB_KIT = "AppleWebKit/605.1.15 (KHTML, like Gecko)"
CHROME = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Mobile Safari/537.36"


def _iphone(version: str, model: str, screen: tuple[int, int], weight: float) -> Phone:
    system = f"iPhone; CPU iPhone OS {version.replace('.', '_')} like Mac OS X"
    agent = f"Mozilla/5.0 ({system}) {WEB_KIT} Version/{version} Mobile/15E148 Safari/604.1"
    return Phone("iOS", version, model, "Apple", agent, screen, weight)


def _android(version: str, maker_and_model: str, screen: tuple[int, int], weight: float) -> Phone:
    maker, model = maker_and_model.split(" ", 1)
    agent = f"Mozilla/5.0 (Linux; Android {version}; {model}) {CHROME}"
    return Phone("Android", version, model, maker, agent, screen, weight)


PHONES = (
    _iphone("17.6", "iPhone14,5", (1170, 2532), 9),
    _iphone("17.5", "iPhone15,2", (1179, 2556), 8),
    _iphone("18.1", "iPhone16,1", (1179, 2556), 12),
    _iphone("18.1", "iPhone17,3", (1206, 2622), 9),
    _iphone("16.7", "iPhone12,1", (828, 1792), 5),
    _android("14", "Samsung SM-S921B", (1080, 2340), 11),
    _android("14", "Samsung SM-A546B", (1080, 2340), 10),
    _android("13", "Samsung SM-A336E", (1080, 2400), 6),
    _android("15", "Google Pixel 8", (1080, 2400), 8),
    _android("14", "Google Pixel 7a", (1080, 2400), 5),
    _android("14", "Xiaomi 23021RAAEG", (1080, 2400), 7),
    _android("13", "OPPO CPH2531", (1080, 2400), 4),
)
IPHONES = tuple(phone for phone in PHONES if phone.os_name == "iOS")
ANDROIDS = tuple(phone for phone in PHONES if phone.os_name == "Android")
DESKTOPS = (
    f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {WEB_KIT} Version/18.1 Safari/605.1.15",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36",
    "Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0",
)
MACHINES = (
    "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)",
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
    "python-requests/2.32.3",
)


def meet(rng: Random, number: int, *, phones: tuple[Phone, ...] = PHONES) -> Person:
    """Return a new person, in the same way for the same state of `rng`."""
    place = rng.choices(PLACES, [place.weight for place in PLACES])[0]
    phone = rng.choices(phones, [phone.weight for phone in phones])[0]
    first, last = rng.choice(place.first_names.split()), rng.choice(place.last_names.split())
    may_track = rng.random() < (0.45 if phone.os_name == "iOS" else 0.9)
    advertising_id = f"{rng.getrandbits(128):032x}" if may_track else "0" * 32
    return Person(
        number=number,
        anonymous_id=_uuid(f"{rng.getrandbits(128):032x}"),
        place=place,
        phone=phone,
        ip=address(rng),
        device_id=f"{rng.getrandbits(64):016x}",
        advertising_id=_uuid(advertising_id),
        may_track=may_track,
        keenness=rng.betavariate(1.3, 2.6),
        name=f"{first} {last}",
        email=f"{first}.{last}{number}@example.com".lower(),
    )


def address(rng: Random) -> str:
    """Return an address of 198.18.0.0/15, which belongs to nobody: it is kept for measurements of networks."""
    return f"198.{rng.choice((18, 19))}.{rng.randrange(256)}.{rng.randrange(1, 255)}"


def _uuid(digits: str) -> str:
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
