"""What stands in a command line of Snakemake."""

from collections.abc import Iterator, Sequence

CONFIGFILE = ("--configfile", "--configfiles")


def values_of(words: Sequence[str], *options: str) -> list[list[str]]:
    """The values of each occurrence of an option; as Snakemake reads it, every word up to the next option is one.

    Args:
        words: the arguments, also as `--option=value`.
        options: its names.
    """
    return list(_values(words, options))


def _values(words: Sequence[str], options: Sequence[str]) -> Iterator[list[str]]:
    for place, word in enumerate(words):
        name, equals, value = word.partition("=")
        if name in options:
            rest = words[place + 1 :]
            end = next((index for index, each in enumerate(rest) if each.startswith("-")), len(rest))
            yield [value] if equals else list(rest[:end])
