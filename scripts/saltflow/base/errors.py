"""Errors for users: each message is a sentence that names the remedy."""


class SaltflowError(Exception):
    """A problem that the user or the admin can remedy; the message is one sentence with the remedy."""


class DamagedProductError(SaltflowError):
    """A product of an earlier job that cannot be read, as if something else had overwritten it.

    Args:
        path: the file.
        error: of the reader, or the reason in words.
    """

    def __init__(self, path: object, error: object):
        reason = " ".join(str(error).split())[:200]
        super().__init__(f"{path} is damaged ({reason}); if a job made it, delete it and start the same command again.")


class InputError(SaltflowError):
    """All problems of one input.

    Args:
        problems: one sentence per problem, each naming the row or key and the remedy.
    """

    def __init__(self, problems: list[str]):
        self.problems = problems
        super().__init__("\n".join(problems))

    def __reduce__(self):
        return InputError, (self.problems,)
