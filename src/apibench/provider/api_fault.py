"""What may be the matter when an API server of Kubernetes is asked. None of it leaves the room: it becomes words."""

FOR_NOW = frozenset({401, 408, 409, 410, 425, 429})
"""Refusals of the client's kind (4xx) that may be otherwise later."""


class ApiFault(Exception):
    """It could not be done. `retry_after_s`: it is not to be asked again before."""

    def __init__(self, words: str, retry_after_s: float = 0.0) -> None:
        super().__init__(words)
        self.retry_after_s = retry_after_s

    @property
    def is_for_good(self) -> bool:
        """Whether asking the same again can't help."""
        return False


class ApiSilent(ApiFault):
    """It does not answer, or what it says can't be understood."""

    def __init__(self, words: str) -> None:
        super().__init__(f"the API server does not answer: {words}")


class WatchStalled(ApiSilent):
    """A watch says nothing any more: not even that nothing has changed."""


class ApiRefusal(ApiFault):
    """It answers with another status than success. `reason`: its word for it, like `AlreadyExists`."""

    def __init__(self, status: int, reason: str, message: str, retry_after_s: float = 0.0) -> None:
        said = message or reason or "nothing more"
        super().__init__(f"the API server answers with {status}: {said}", retry_after_s)
        self.status = status
        self.reason = reason
        self.message = said

    @property
    def is_for_good(self) -> bool:
        """Whether asking the same again can't help."""
        return 400 <= self.status < 500 and self.status not in FOR_NOW

    @property
    def is_taken(self) -> bool:
        """Whether an object of that name is there already. A quota that is counted at the same moment is a 409 too."""
        return self.status == 409 and self.reason == "AlreadyExists"
