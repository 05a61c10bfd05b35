"""Errors for users: each message is a sentence that names the remedy."""


class SaltflowError(Exception):
    """A problem that the user or the admin can remedy; the message is one sentence with the remedy."""


class InputError(SaltflowError):
    """All problems of one input.

    Args:
        problems: one sentence per problem, each naming the row or key and the remedy.
    """

    def __init__(self, problems: list[str]):
        self.problems = problems
        super().__init__("\n".join(problems))
