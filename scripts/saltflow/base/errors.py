"""The two errors that saltflow raises for a reader: each message is a sentence that names the remedy."""


class SaltflowError(Exception):
    """Something the user or the admin can mend; the message says what and how in one sentence."""


class InputError(SaltflowError):
    """Everything that is wrong with one input, listed at once.

    Args:
        problems: one sentence per problem, each naming the row or key and the remedy.
    """

    def __init__(self, problems: list[str]):
        self.problems = problems
        super().__init__("\n".join(problems))
