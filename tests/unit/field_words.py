"""Private words for which the field has a term; neither pages nor code use them."""

import re

PRIVATE_WORDS = re.compile(
    r"\b(?:seeds of repulsion|seed frames?|taught|teach(?:es)?|yardstick|uncovered|left_out|leave_out|skip_known"
    r"|admission|guards?|gates?|wreckage|ladder|rungs?|short pairs?|control arm|random arm"
    r"|measures? of order|workload|living jobs|in_turn|tables? of potentials"
    r"|(?:its|their|(?:the|a) committee's) spread|spread of (?:a|the) committee|may be believed|patien(?:ce|tly)"
    r"|(?:sound|stayed sound) (?:glass|glasses|replica|replicas|cell|cells)|stayed sound|piece by piece|in pieces"
    r"|never saw|does not know what|what it does not know|controlling process)\b",
    flags=re.IGNORECASE,
)
# In code `seeds` are those of random numbers; a page speaks of initial structures.
PRIVATE_ON_PAGES = re.compile(r"\bseeds\b", flags=re.IGNORECASE)
