"""Questions and answers: say what is known, offer the nearest when unsure, admit when it is not known, and follow up."""

from __future__ import annotations

from conversations.effects import CountOutcome
from conversations.flows import contact, form, menu, proof
from conversations.flows.menu import ways_out
from conversations.knowledge import Topic
from conversations.model import Contact, Doc, Filling, Offer, Proving
from conversations.turn import Turn

QUESTION_KEPT = 500
RELATED_SHOWN = 2


def ask(turn: Turn, text: str) -> None:
    """Answer a question put in the customer's own words."""
    verdict = turn.knowledge.matcher.match(text)
    if verdict.zone == "answer":
        topic = turn.knowledge.topics[verdict.topics[0]]
        give(turn, topic, "" if topic.smalltalk or topic.flow else text)
        return
    turn.remember(question=text[:QUESTION_KEPT], asked_at=turn.event.at, topic="", misses=turn.state.misses + 1)
    if verdict.zone == "offer" and turn.state.misses < 3:
        turn.do(CountOutcome("offered", verdict.topics[0]))
        nearest = tuple(turn.topic_offer(topic) for topic in verdict.topics[:3])
        turn.say(turn.phrase("answer.offer"), (*nearest, *ways_out(turn)))
        return
    turn.do(CountOutcome("unknown"))
    again = turn.state.misses > 1
    turn.say(turn.phrase("answer.unknown_again" if again else "answer.unknown"), (*ways_out(turn), turn.offer("choice.menu", "menu")))


def give(turn: Turn, topic: Topic, question: str = "") -> None:
    """Say what the desk knows of `topic`, with its follow-ups; a topic that begins a flow says its words and begins it.

    `question` is what was asked, if that is worth remembering.
    """
    words = body(turn, topic)
    if question:
        turn.remember(misses=0, topic=topic.id, question=question[:QUESTION_KEPT], asked_at=turn.event.at)
    else:
        turn.remember(misses=0, topic=topic.id)
    match topic.flow:
        case "menu" | "help" if isinstance(turn.frame, Filling):
            turn.say(words)  # the form's own question follows
        case "menu":
            menu.greet(turn, words)
        case "help":
            menu.explain(turn, words)
        case "language":
            menu.ask_language(turn, words)
        case "person":
            contact.begin(turn, words)
        case "ticket":
            form.begin(turn, "ticket", words)
        case _:
            turn.do(CountOutcome("answered", topic.id))
            if isinstance(turn.frame, Contact):
                # A question in the middle is answered, and then we go on where we were.
                turn.say(words)
                contact.ask_again(turn, turn.frame)
            elif isinstance(turn.frame, Proving):
                turn.say(words)
                proof.ask_again(turn, turn.frame)
            elif isinstance(turn.frame, Filling):
                turn.say(words)
            else:
                turn.say(words, () if topic.smalltalk else follow_ups(turn, topic))


def body(turn: Turn, topic: Topic) -> Doc:
    return (topic.answers.get(turn.locale) or topic.answers[turn.knowledge.desk.default_locale]).doc


def follow_ups(turn: Turn, topic: Topic) -> tuple[Offer, ...]:
    under = turn.standing.under
    if (known := under.get(topic.id)) is None:
        helped = (turn.offer("choice.helpful", "helpful", topic.id), turn.offer("choice.unhelpful", "unhelpful", topic.id))
        related = (turn.topic_offer(id) for id in topic.related[:RELATED_SHOWN] if id in turn.knowledge.topics)
        known = under[topic.id] = (*helped, *related, *ways_out(turn, topic.actions))
    return known


def helpful(turn: Turn, topic: str) -> None:
    turn.do(CountOutcome("helpful", topic))
    turn.say(turn.phrase("answer.helpful"))


def unhelpful(turn: Turn, topic: str) -> None:
    """The answer missed: say so, offer what lies near it, and the ways to the team."""
    turn.do(CountOutcome("unhelpful", topic))
    known = turn.knowledge.topics.get(topic)
    nearest = tuple(turn.topic_offer(id) for id in known.related if id in turn.knowledge.topics) if known else ()
    turn.say(turn.phrase("answer.unhelpful"), (*nearest, *ways_out(turn)))
