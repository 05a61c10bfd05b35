"""How a rule asks: by a dotted name, resolved in a view and the settings that it holds."""

from collections.abc import Mapping


def answer(subject: object, question: str) -> object:
    """What a view answers to a dotted name, such as "learning.selection" or "last_generation.models".

    Raises:
        AttributeError, KeyError: it knows no such name.
    """
    for name in question.split("."):
        subject = subject[name] if isinstance(subject, Mapping) else getattr(subject, name)
    return subject
