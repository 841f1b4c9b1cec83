"""The words for times in Spanish and English: numbers, units, days, months, parts of the day, zones; and durations made of them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping

from conversations.moments import DAY, HOUR, MINUTE


def fold(text: str) -> str:
    """Small letters without accents, one space between words, no outer punctuation."""
    plain = unicodedata.normalize("NFKD", text.casefold().replace("’", "'"))
    plain = "".join(c for c in plain if not unicodedata.combining(c))
    plain = re.sub(r"\b([ap])\.? ?m\b\.?", r"\1m", plain)
    return re.sub(r"\s+", " ", plain).strip(" .,;!?¡¿\"'()")


def _numbered(words: str, start: int = 1) -> dict[str, int]:
    return {word: n for n, group in enumerate(words.split(), start) for word in group.split("|")}


NUMBERS: Mapping[str, int] = {
    **_numbered(
        "un|una|uno|a|an|one dos|two tres|three cuatro|four cinco|five seis|six siete|seven ocho|eight nueve|nine diez|ten once|eleven"
        " doce|twelve trece|thirteen catorce|fourteen quince|fifteen dieciseis|sixteen diecisiete|seventeen dieciocho|eighteen"
        " diecinueve|nineteen veinte|twenty"
    ),
    "veinticinco": 25,
    "treinta": 30,
    "thirty": 30,
    "cuarenta": 40,
    "forty": 40,
    "cincuenta": 50,
    "fifty": 50,
}
HOURS: Mapping[str, int] = {word: n for word, n in NUMBERS.items() if n <= 12 and word not in ("a", "an", "un", "uno")}

UNITS: Mapping[str, int] = {
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds", "seg", "segs", "segundo", "segundos"), 1000),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes", "minuto", "minutos", "minutitos"), MINUTE),
    **dict.fromkeys(("h", "hs", "hr", "hrs", "hour", "hours", "hora", "horas"), HOUR),
    **dict.fromkeys(("d", "day", "days", "dia", "dias"), DAY),
    **dict.fromkeys(("week", "weeks", "semana", "semanas"), 7 * DAY),
    **dict.fromkeys(("month", "months", "mes", "meses"), 30 * DAY),
}

SINGLE = frozenset({"hora", "hour", "dia", "day", "minuto", "minute", "semana", "week", "mes", "month"})

WEEKDAYS: Mapping[str, int] = _numbered(
    "lunes|monday|mon martes|tuesday|tue miercoles|wednesday|wed jueves|thursday|thu"
    " viernes|friday|fri sabado|saturday|sat domingo|sunday|sun",
    0,
)
MONTHS: Mapping[str, int] = _numbered(
    "enero|january|ene|jan febrero|february|feb marzo|march|mar abril|april|abr|apr mayo|may junio|june|jun julio|july|jul"
    " agosto|august|ago|aug septiembre|setiembre|september|sept|sep octubre|october|oct noviembre|november|nov diciembre|december|dic|dec"
)

NOW = frozenset(
    {
        "a moment ago",
        "acaba de caerse",
        "acaba de empezar",
        "acaba de ocurrir",
        "acaba de pasar",
        "ahora",
        "ahora mismo",
        "ahorita",
        "en este momento",
        "hace nada",
        "hace un instante",
        "hace un momento",
        "hace un segundo",
        "it just happened",
        "it just started",
        "just happened",
        "just now",
        "just started",
        "justo ahora",
        "now",
        "recien",
        "right now",
        "this moment",
        "this very moment",
        "ya",
        "ya mismo",
    }
)

MORNING, AFTERNOON, EVENING, NIGHT, SMALL_HOURS, MIDDAY = "morning", "afternoon", "evening", "night", "small hours", "midday"
PARTS: Mapping[str, str] = {
    "manana": MORNING,
    "morning": MORNING,
    "tarde": AFTERNOON,
    "afternoon": AFTERNOON,
    "evening": EVENING,
    "noche": NIGHT,
    "night": NIGHT,
    "madrugada": SMALL_HOURS,
    "mediodia": MIDDAY,
}

OFFSETS: Mapping[str, str] = {
    **dict.fromkeys(("utc", "gmt", "z", "zulu", "wet"), "+00:00"),
    **dict.fromkeys(("cet", "west", "bst", "mez"), "+01:00"),
    **dict.fromkeys(("cest", "eet", "mesz", "sast"), "+02:00"),
    **dict.fromkeys(("eest", "msk", "trt"), "+03:00"),
    **dict.fromkeys(("art", "brt", "uyt", "clst"), "-03:00"),
    **dict.fromkeys(("edt", "clt", "vet", "bot"), "-04:00"),
    **dict.fromkeys(("est", "cdt", "cot", "pet", "ect"), "-05:00"),
    **dict.fromkeys(("mdt",), "-06:00"),
    **dict.fromkeys(("mst", "pdt"), "-07:00"),
    "pst": "-08:00",
    "jst": "+09:00",
}
"""Abbreviations that one zone only is called by here. CST and IST mean several and are asked about."""
UNCLEAR_ZONES = re.compile(r"\b(?:cst|ist|(?:mi )?hora local|(?:my )?local time|my time(?: ?zone)?|mi hora|mi zona)\b")

_ZONES: Mapping[str, str] = {
    "europe/madrid": "Europe/Madrid",
    "(?:hora )?peninsular|hora (?:de )?(?:madrid|espana|espanola)|(?:madrid|spanish|spain) time|cet ?/ ?cest|cest ?/ ?cet": "Europe/Madrid",
    "hora central europea|central european (?:summer )?time|hora de (?:paris|berlin|roma)|(?:paris|berlin|rome) time": "Europe/Paris",
    "hora canaria|hora (?:en|de) canarias|canary (?:islands )?time": "Atlantic/Canary",
    "hora de (?:londres|inglaterra)|(?:london|uk|british) time": "Europe/London",
    "hora de portugal|hora de lisboa|lisbon time": "Europe/Lisbon",
    "hora (?:de |del )?(?:mexico|cdmx|ciudad de mexico)|mexico(?: city)? time": "America/Mexico_City",
    "hora (?:de )?(?:argentina|buenos aires)|(?:argentina|buenos aires) time": "America/Argentina/Buenos_Aires",
    "hora (?:de )?(?:chile|santiago)|chile time": "America/Santiago",
    "hora (?:de )?(?:colombia|bogota)|(?:colombia|bogota) time": "America/Bogota",
    "hora (?:de )?(?:peru|lima)|(?:peru|lima) time": "America/Lima",
    "hora (?:de )?(?:venezuela|caracas)": "America/Caracas",
    "hora del este|hora de nueva york|hora de miami|eastern time|new york time": "America/New_York",
    "hora del centro|central time": "America/Chicago",
    "hora del pacifico|pacific time": "America/Los_Angeles",
    "hora de moscu|moscow time": "Europe/Moscow",
}
ZONES = tuple((re.compile(rf"\b(?:{pattern})\b"), zone) for pattern, zone in _ZONES.items())
"""How people call a zone, as patterns on folded text."""

FILLERS = frozenset(
    {
        "a",
        "about",
        "al",
        "and",
        "approx",
        "approximadamente",
        "approximately",
        "aprox",
        "aproximadamente",
        "around",
        "at",
        "began",
        "cerca",
        "circa",
        "comenzo",
        "comienza",
        "como",
        "con",
        "de",
        "del",
        "desde",
        "early",
        "el",
        "empezo",
        "empieza",
        "en",
        "eso",
        "este",
        "exactamente",
        "exactly",
        "from",
        "fue",
        "h",
        "hacia",
        "happened",
        "hora",
        "horas",
        "hours",
        "hrs",
        "hs",
        "in",
        "incidencia",
        "it",
        "la",
        "las",
        "late",
        "less",
        "like",
        "lo",
        "los",
        "mas",
        "menos",
        "more",
        "o",
        "ocurre",
        "ocurrio",
        "ok",
        "on",
        "or",
        "pasado",
        "por",
        "problem",
        "problema",
        "punto",
        "que",
        "ser",
        "since",
        "sobre",
        "start",
        "started",
        "starts",
        "temprano",
        "the",
        "this",
        "time",
        "todo",
        "was",
        "y",
    }
)
"""Words that add nothing to a time."""


def duration(text: str) -> int | None:
    """Milliseconds of what is wholly a length of time (`hora y media`, `2 h 15 min`, `a couple of hours`); None when it is not."""
    tokens = re.findall(r"\d+(?:[.,]\d+)?|[a-z]+|[^\sa-z\d]", text)
    total, pending, last, seen = 0.0, None, 0, False
    for n, token in enumerate(tokens):
        following = next((t for t in tokens[n + 1 :] if t not in ("a", "an", "de", "of", "la")), "")
        if token in (",", "y", "and", "con", "e", "de", "of"):
            continue
        if token in ("media", "medio", "half"):
            if following in UNITS:
                pending = (pending or 0) + 0.5
            elif last:
                total += last / 2
                pending = None  # "an hour and a half": that "a" counts nothing
            else:
                return None
        elif token in ("cuarto", "cuartos", "quarter", "quarters"):
            if following in UNITS:
                pending = 0.25 * (pending or 1)
            elif last:
                total += last / 4 * (pending or 1)
                pending = None
            else:
                return None
        elif token in ("par", "couple"):
            pending = 2
        elif token in UNITS:
            if pending is None and (total or token not in SINGLE):
                return None
            last, seen = UNITS[token], True
            total += last * (1 if pending is None else pending)
            pending = None
        elif token[0].isdigit():
            if pending is not None or len(token) > 6:
                return None
            pending = float(token.replace(",", "."))
        elif token in NUMBERS:
            # "un par", "a quarter": the article is no number of its own.
            pending = NUMBERS[token] if pending is None else pending
        else:
            return None
    if pending is not None:
        if last != HOUR:
            return None
        total += pending * MINUTE  # 1h30
    return round(total) if seen else None


# --- how they are put together, as patterns on folded text ---

MARKS = re.compile(
    r"^(?:desde|since|from|for|hace|hara|llev\w+|unos|unas|about|around|approx\w*|aprox\w*|mas o menos|casi|almost|roughly|some"
    r"|over|more than|mas de|como|(?:los |las |the |la |el )?(?:ultim[oa]s?|last|past)"
    r"|(?:it )?(?:started|began)|empezo|comenzo|it's been|it has been|down"
    r"|caid[oa]|esto|pasa|ocurre|sin servicio|offline)\b ?"
)
TAIL = re.compile(
    r" ?\b(?:ago|atras|aprox\w*|approx\w*|mas o menos|or so|more or less|already|caid[oa]s?|down|offline|sin servicio|sin funcionar)$"
)
SPANS = re.compile(r"\b(?:hace|hara|ago|atras|for|llev\w+|ultim[oa]s?|past|been)\b|^last\b")
BARE_H = re.compile(r"(\d{1,2}) ?h(?: ?([0-5]\d))?")
CLOCK = re.compile(
    r"(?:\b(?P<said>a las|las|a la|la|at|since|desde las|desde la) ?)?(?<![\d/.:-])(?P<h>\d{1,2})"
    r"(?:(?P<sep>[:.h]|hs? ?)(?P<m>[0-5]\d))(?::[0-5]\d)?"
    r" ?(?P<half>am|pm|hs?\b|hrs?\b|horas\b)?(?![\d/:-])"
)
HALF_DAY = re.compile(r"(?:\b(?:a las|las|a la|la|at) )?(?<![\d/.:-])\b(?P<h>\d{1,2}) ?(?P<half>am|pm)\b")
HOUR_NAME = "|".join(sorted(HOURS, key=len, reverse=True))
WORDED = re.compile(
    rf"(?:\b(?:a |sobre |desde |hacia )?las? )\b(?P<h>\d{{1,2}}|{HOUR_NAME})"
    r"(?: (?P<sign>y|menos) (?P<m>cuarto|media|\d{{1,2}}|cinco|diez|veinte|veinticinco))?"
    r"(?: en punto)?(?: (?:horas|hs?|hrs)\b)?(?![\d/:.-])"
)
PAST_TO = re.compile(
    rf"\b(?:at )?(?:a )?(?P<m>half|quarter|\d{{1,2}}|five|ten|twenty)(?: minutes)?"
    rf" (?P<sign>past|after|to|before) (?P<h>\d{{1,2}}|{HOUR_NAME})\b"
)
AT = re.compile(
    rf"\b(?:at|since|around|about) (?P<h>\d{{1,2}}|{HOUR_NAME})(?: ?o'?clock)?\b(?! ?[/:.\d-])"
    rf"|\b(?P<o>\d{{1,2}}|{HOUR_NAME}) o'?clock\b"
)
HOUR_ONLY = re.compile(r"(?<![\d/:.-])\b(?P<h>\d{1,2}) ?(?:h|hs|hrs|horas)\b(?![\d])")
LEFT = re.compile(r"\d{1,2}")

OFFSET = re.compile(r"\b(?:utc|gmt) ?([+-]) ?(\d{1,2})(?::?([0-5]\d))?(?!\d)|(?<=:\d\d) ?([+-])(\d\d):?([0-5]\d)\b")
IANA = re.compile(r"\b[a-z]{3,}(?:/[a-z_+-]{2,}){1,2}\b")
ABBREVIATION = re.compile(rf"\b(?:{'|'.join(OFFSETS)})\b|(?<=\d)z\b")

DAY_BEFORE = re.compile(r"\b(?:anteayer|antier|antes de ayer|(?:the )?day before yesterday)\b")
LAST_NIGHT = re.compile(r"\b(?:anoche|last night|ayer (?:por|en|de|a) la noche|yesterday (?:evening|night))\b")
THIS_PART = re.compile(r"\b(?:esta|this|de esta) (manana|tarde|noche|madrugada|morning|afternoon|evening)\b|\btonight\b")
PART = re.compile(
    r"\b(?:(?:por|de|en|a) la (manana|tarde|noche|madrugada)|(?:de )?(madrugada)|(?:in )?the (morning|afternoon|evening)|at (night)"
    r"|del (mediodia)|(?<=yesterday )(morning|afternoon|evening|night)|(?<=day )(morning|afternoon|evening|night))\b"
)
NOON = re.compile(r"\b(?:a |al |at )?(?:mediodia|noon|midday)\b")
MIDNIGHT = re.compile(r"\b(?:a |at )?(?:medianoche|midnight)\b")
WEEKDAY = re.compile(
    rf"\b(?:el |on |este |this )?(?P<last>last |pasado )?(?P<d>{'|'.join(WEEKDAYS)})(?P<past> pasado)?\b"
    r"(?: de la semana (?P<week>pasada))?"
)
MONTH_NAME = "|".join(sorted(MONTHS, key=len, reverse=True))
DATES = (
    re.compile(r"(?<!\d)(?P<y>\d{4})[-/.](?P<m>\d{1,2})[-/.](?P<d>\d{1,2})(?!\d)(?:t(?=\d))?"),
    re.compile(r"(?<![\d:])(?P<d>\d{1,2})(?P<s>[-/])(?P<m>\d{1,2})(?:(?P=s)(?P<y>\d{4}|\d\d))?(?![\d:])"),
    re.compile(r"(?<![\d:])(?P<d>\d{1,2})\.(?P<m>\d{1,2})\.(?P<y>\d{4}|\d\d)?(?!\d)"),
    re.compile(rf"(?<![\d:])(?P<d>\d{{1,2}})(?:º|o|st|nd|rd|th)?(?: de| of)? (?P<m>{MONTH_NAME})\b\.?(?:,?(?: del?)? (?P<y>\d{{4}}))?"),
    re.compile(rf"\b(?P<m>{MONTH_NAME})\.? (?P<d>\d{{1,2}})(?:st|nd|rd|th)?\b(?![:.]\d)(?:,? (?P<y>\d{{4}}))?"),
    re.compile(r"\b(?:el dia|dia|on the|the) (?P<d>\d{1,2})(?:st|nd|rd|th)?\b(?! ?[:/.-]\d)"),
    re.compile(r"\bel (?P<d>\d{1,2})\b(?! ?[:/.-]\d)"),
)
