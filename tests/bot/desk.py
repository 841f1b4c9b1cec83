"""A small sound desk on disk, for tests that change it."""

from __future__ import annotations

from pathlib import Path

from conversations.engine import PHRASES

DESK = """\
name = "Acme"
locales = ["es", "en"]
default_locale = "es"
time_zone = "Europe/Madrid"
menu = ["billing", "hours"]

[facts]
minutes = "10"
site = "www.acme.example"

[departments.sales]
title_es = "Ventas"
title_en = "Sales"
description_es = "Compras."
description_en = "Purchases."
"""

BILLING_ES = """\
---
title: Facturas
phrasings:
  - ¿Dónde veo mi factura?
  - quiero pagar
  - no me llega el recibo
  - cambiar la tarjeta
  - datos de facturación
related: [hours]
actions: [ticket, person]
---
La verás en {minutes} minutos en **tu área**: [entra aquí](https://{site}/area).

1. Abre *Facturas*.
2. Escribe a `pagos@acme.example` o
   pulsa **Pagar**.
"""

BILLING_EN = """\
---
title: Invoices
phrasings:
  - where is my invoice
  - I want to pay
  - the receipt did not arrive
  - change my card
  - billing details
---
You will see it in {minutes} minutes.
"""

HOURS_ES = """\
---
title: Horario
phrasings: [¿a qué hora abrís?, horario de atención, cuándo cerráis, abierto hoy, días festivos]
smalltalk: true
---
De nueve a {{seis}}.
"""

HOURS_EN = """\
---
title: Opening hours
phrasings: [when do you open, opening hours, when do you close, are you open today, public holidays]
---
Nine to six.
"""


def phrases(locale: str) -> str:
    """Every phrase of the engine, as "<locale> <id>", and one with plurals."""
    header = f'msgid ""\nmsgstr ""\n"Language: {locale}\\n"\n"Plural-Forms: nplurals=2; plural=(n != 1);\\n"\n'
    entries = [f'msgid "{id}"\nmsgstr "{locale} {id}"\n' for id in sorted(PHRASES)]
    plural = f'msgid "count"\nmsgid_plural "count"\nmsgstr[0] "{{n}} {locale} one"\nmsgstr[1] "{{n}} {locale} many in {{minutes}}"\n'
    return "\n".join((header, *entries, plural))


def write_desk(folder: Path) -> Path:
    (folder / "answers").mkdir(parents=True)
    (folder / "phrases").mkdir()
    files = {
        "desk.toml": DESK,
        "answers/billing.es.md": BILLING_ES,
        "answers/billing.en.md": BILLING_EN,
        "answers/hours.es.md": HOURS_ES,
        "answers/hours.en.md": HOURS_EN,
        "phrases/es.po": phrases("es"),
        "phrases/en.po": phrases("en"),
    }
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder
