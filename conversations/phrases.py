"""The forms there are, and every phrase that the engine may say with what each is given."""

from __future__ import annotations

from collections.abc import Mapping

from conversations import assets, diagnostics, forms, money, secrets, times
from conversations.flows import carried, copies, linking, mirror, my_tickets, proof, services, ticket
from conversations.turn import Guide

GUIDES: Mapping[str, Guide] = {"ticket": ticket.GUIDE}
"""The forms there are, by id."""

DECLARED: Mapping[str, frozenset[str]] = {
    **forms.PHRASES,
    **times.PHRASES,
    **assets.PHRASES,
    **diagnostics.PHRASES,
    **money.PHRASES,
    **secrets.PHRASES,
    **ticket.PHRASES,
    **my_tickets.PHRASES,
    **mirror.PHRASES,
    **copies.PHRASES,
    **proof.PHRASES,
    **services.PHRASES,
    **linking.PHRASES,
    **carried.PHRASES,
    **{phrase: frozenset() for guide in GUIDES.values() for phrase in guide.form.phrases},
}
"""Phrases that forms, the values in them and tickets are worded by, and what each is given."""

PHRASES = frozenset(DECLARED) | frozenset(
    {
        "answer.helpful",
        "answer.offer",
        "answer.unhelpful",
        "answer.unknown",
        "answer.unknown_again",
        "choice.helpful",
        "choice.language",
        "choice.menu",
        "choice.moved_on",
        "choice.person",
        "choice.skip",
        "choice.ticket",
        "choice.unhelpful",
        "contact.added",
        "contact.already",
        "contact.ask_again",
        "contact.ask_person",
        "contact.bad_address",
        "contact.known_address",
        "contact.person",
        "contact.skip_words",
        "contact.thanks",
        "contact.urgent",
        "contact.with_question",
        "contact.without_address",
        "contact.without_question",
        "form.again",
        "form.anew",
        "form.back",
        "form.back_words",
        "form.cancel",
        "form.cancel_sure",
        "form.cancel_words",
        "form.change",
        "form.current",
        "form.discard",
        "form.discarded",
        "form.files_kept",
        "form.first",
        "form.go_on",
        "form.keep",
        "form.language",
        "form.no_files",
        "form.noted",
        "form.prefilled",
        "form.resume",
        "form.resume_other",
        "form.resumed",
        "form.review",
        "form.review_end",
        "form.review_help",
        "form.send",
        "form.send_words",
        "form.skip",
        "form.skip_words",
        "form.to_review",
        "form.unknown",
        "form.use",
        "form.which",
        "help.text",
        "help.ways",
        "language.ask",
        "language.chosen",
        "menu.again",
        "menu.choose",
        "menu.greeting",
        "message.empty",
        "ticket.already",
        "ticket.opened",
        "ticket.opened_high",
        "ticket.reply_here",
        "ticket.reply_mail",
    }
)
"""Every phrase the engine may say; a desk must have each in each of its languages (`relevo content check`)."""

VALUES: Mapping[str, frozenset[str]] = {
    **{id: values for id, values in DECLARED.items() if values},
    "contact.added": frozenset({"number"}),
    "contact.already": frozenset({"number"}),
    "contact.ask_again": frozenset({"number"}),
    "contact.bad_address": frozenset({"typed"}),
    "contact.known_address": frozenset({"email"}),
    "contact.person": frozenset({"number"}),
    "contact.thanks": frozenset({"number", "email"}),
    "contact.with_question": frozenset({"question"}),
    "contact.without_address": frozenset({"number"}),
    "form.current": frozenset({"value"}),
    "form.files_kept": frozenset({"n"}),
    "form.noted": frozenset({"label", "value"}),
    "form.prefilled": frozenset({"labels"}),
    "form.use": frozenset({"typed"}),
    "help.text": frozenset({"desk"}),
    "menu.greeting": frozenset({"desk"}),
    "ticket.already": frozenset({"number"}),
    "ticket.opened": frozenset({"number", "minutes", "due"}),
    "ticket.opened_high": frozenset({"number", "minutes", "due"}),
    "ticket.reply_mail": frozenset({"email"}),
}
"""What a phrase is given to fill its placeholders with; one that is not named is given nothing, and has only the desk's facts."""
