"""People with phones, and the networks they are on: homes, offices, carriers that put thousands behind one address."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

ANDROID, IOS = 0, 1
SYSTEMS = ("android", "ios")
HOME, OFFICE, CELL = 0, 1, 2
HOUR = 3600.0
# Country: its share of people, hours from UTC, the language of most.
COUNTRIES = (
    ("US", 0.24, -6, "en-US", "America/Chicago"),
    ("DE", 0.14, 1, "de-DE", "Europe/Berlin"),
    ("BR", 0.14, -3, "pt-BR", "America/Sao_Paulo"),
    ("IN", 0.18, 5, "en-IN", "Asia/Kolkata"),
    ("FR", 0.09, 1, "fr-FR", "Europe/Paris"),
    ("ID", 0.11, 7, "id-ID", "Asia/Jakarta"),
    ("PL", 0.05, 1, "pl-PL", "Europe/Warsaw"),
    ("JP", 0.05, 9, "ja-JP", "Asia/Tokyo"),
)
LOCALES = tuple(dict.fromkeys([one[3] for one in COUNTRIES] + ["en-US", "es-ES", "tr-TR", "hi-IN", "ru-RU", "uk-UA"]))
ANDROID_MODELS, IPHONES = 300, 22
IOS_VERSIONS = ("26.1", "26.0", "18.6", "18.5", "18.1", "17.6", "16.7")
SCREENS = tuple(f"{360 + 8 * n}x{780 + 12 * n}" for n in range(60))
# Shares of people by where they are: members of an office at work, others at work, everybody else's evening.
AT_WORK, AT_DAY, AT_EVENING = (0.10, 0.65, 0.25), (0.55, 0.0, 0.45), (0.78, 0.0, 0.22)
MOVES_PER_HOUR = 0.15
LEASE_H = 3.0
# Addresses as numbers: each kind has a range of its own.
KIND_OF_ADDRESS = 1_000_000_000
RELAY, MACHINES, FARM = 5, 6, 7


@dataclass
class People:
    """One row for each person; `members` of homes, offices and pools say how many share an address."""

    country: Ints
    system: Ints
    model: Ints
    version: Ints
    locale: Ints
    screen: Ints
    home: Ints
    renumbered: Flags
    office: Ints
    carrier: Ints
    own_v6: Flags
    limits_ads: Flags
    consents: Flags
    consents_elsewhere: Flags
    pool_size: Ints
    home_members: Ints
    office_members: Ints
    carrier_members: Ints

    def __len__(self) -> int:
        return len(self.country)


def make(rng: np.random.Generator, number: int, *, per_pool: float) -> People:
    """Make `number` people; `per_pool` is the median of how many of them a carrier puts behind one address."""
    shares = np.array([one[1] for one in COUNTRIES])
    country = np.sort(rng.choice(len(COUNTRIES), number, p=shares / shares.sum()))
    system = np.where(rng.random(number) < 0.62, ANDROID, IOS)
    android = rng.choice(ANDROID_MODELS, number, p=_zipf(ANDROID_MODELS, 4))
    iphone = rng.choice(IPHONES, number, p=_zipf(IPHONES, 3))
    model = np.where(system == ANDROID, android, ANDROID_MODELS + iphone)
    born = rng.integers(9, 16, ANDROID_MODELS)[android]
    android_version = np.minimum(born + rng.geometric(0.45, number) - 1, 16)
    oldest = np.clip(iphone // 4 + rng.integers(0, 2, number), 0, 5)
    ios_version = np.minimum(oldest // 2 + rng.geometric(0.5, number) - 1, len(IOS_VERSIONS) - 1)
    mother_tongue = np.array([LOCALES.index(one[3]) for one in COUNTRIES])[country]
    locale = np.where(rng.random(number) < 0.85, mother_tongue, rng.integers(0, len(LOCALES), number))
    home, home_members = _groups(rng, country, lambda n: rng.choice([1, 2, 3, 4], n, p=[0.6, 0.25, 0.1, 0.05]))
    office, office_members = _groups(rng, country, lambda n: rng.integers(20, 201, n))
    office = np.where(rng.random(number) < 0.35, office, -1)
    carrier = country * 3 + rng.choice(3, number, p=[0.5, 0.3, 0.2])
    carrier_members = np.bincount(carrier, minlength=len(COUNTRIES) * 3)
    density = per_pool * np.exp(rng.normal(0, 0.6, len(carrier_members)))
    consents = (system == IOS) & (rng.random(number) < 0.25)
    return People(
        country=country, system=system, model=model,
        version=np.where(system == ANDROID, android_version, 100 + ios_version), locale=locale,
        screen=(model * 7) % len(SCREENS), home=home, renumbered=rng.random(number) < 0.25, office=office,
        carrier=carrier, own_v6=rng.random(number) < 0.25,
        limits_ads=(system == ANDROID) & (rng.random(number) < 0.12), consents=consents,
        consents_elsewhere=rng.random(number) < np.where(consents, 0.7, 0.15),
        pool_size=np.maximum((carrier_members / density).astype(np.int64), 1), home_members=home_members,
        office_members=np.maximum((office_members * 0.35).astype(np.int64), 1), carrier_members=carrier_members,
    )  # fmt: skip


def _zipf(number: int, head: float) -> Floats:
    weights = 1 / (np.arange(number) + head)
    shares: Floats = weights / weights.sum()
    return shares


def _groups(rng: np.random.Generator, country: Ints, sizes: object) -> tuple[Ints, Ints]:
    """Put people of one country, who are in order, into groups; return each one's group and the size of each."""
    made = sizes(len(country))  # type: ignore[operator]
    group = np.repeat(np.arange(len(made)), made)[: len(country)]
    order = np.empty(len(country), dtype=np.int64)
    for one in range(len(COUNTRIES)):
        where = np.flatnonzero(country == one)
        order[where] = rng.permutation(where)
    shuffled = np.empty(len(country), dtype=np.int64)
    shuffled[order] = group
    return shuffled, np.bincount(shuffled, minlength=int(group.max()) + 1)


def shares_of_places(people: People, who: Ints, at: Floats) -> Floats:
    """Return how likely each person is at home, in the office and on the carrier's network at that moment."""
    hours = np.array([one[2] for one in COUNTRIES])[people.country[who]]
    local = (at / HOUR + hours) % 24
    working = (local >= 9) & (local < 17)
    employed = people.office[who] >= 0
    rows = np.where((working & employed)[:, None], AT_WORK, np.where(working[:, None], AT_DAY, AT_EVENING))
    found: Floats = rows
    return found


def place(rng: np.random.Generator, people: People, who: Ints, at: Floats) -> Ints:
    """Draw where each person is at that moment."""
    edges = shares_of_places(people, who, at).cumsum(axis=1)
    drawn: Ints = (rng.random(len(who))[:, None] > edges).sum(axis=1).clip(0, 2)
    return drawn


def moved(rng: np.random.Generator, people: People, who: Ints, where: Ints, *, since: Floats, at: Floats) -> Ints:
    """Return where people are who were at `where` some time before: the longer ago, the likelier elsewhere."""
    stays = rng.random(len(who)) < np.exp(-MOVES_PER_HOUR * (at - since) / HOUR)
    return np.where(stays, where, place(rng, people, who, at))


def address(people: People, who: Ints, where: Ints, at: Floats) -> Ints:
    """Return the address of each person there and then, as a number."""
    home = people.home[who]
    day = np.floor(at / (24 * HOUR)).astype(np.int64) + 20
    # Some providers give a home a new address each day.
    changing = people.renumbered[np.minimum(home, len(people) - 1)]
    at_home = HOME * KIND_OF_ADDRESS + home * 64 + np.where(changing, day % 64, 0)
    at_work = OFFICE * KIND_OF_ADDRESS + people.office[who]
    lease = np.floor((at / HOUR + (who * 7919 % 997) / 997 * LEASE_H) / LEASE_H).astype(np.int64)
    spot = (who * 2654435761 + lease * 40503 * 2654435769) % 4294967291 % people.pool_size[people.carrier[who]]
    on_pool = CELL * KIND_OF_ADDRESS + people.carrier[who] * 100_000 + spot
    on_v6 = 3 * KIND_OF_ADDRESS + who * 64 + day % 64
    on_cell = np.where(people.own_v6[who], on_v6, on_pool)
    return np.where(where == HOME, at_home, np.where(where == OFFICE, at_work, on_cell))


def written(number: int) -> str:
    """Return an address number as text."""
    kind, rest = divmod(number, KIND_OF_ADDRESS)
    if kind == 3:
        return f"2001:db8:{rest >> 16 & 0xFFFF:x}:{rest & 0xFFFF:x}::1"
    if kind == MACHINES:
        return f"198.18.{rest >> 8 & 0xFF}.{rest & 0xFF}"
    first = {HOME: 60, OFFICE: 90, CELL: 100, RELAY: 104, FARM: 110}[kind]
    spread = rest if kind != CELL else (rest // 100_000) * 4096 + rest % 100_000
    return f"{first + (spread >> 24)}.{spread >> 16 & 0xFF}.{spread >> 8 & 0xFF}.{spread & 0xFF}"
