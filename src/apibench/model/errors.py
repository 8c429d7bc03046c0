"""
Every error that we raise on purpose, one tree, so that a caller sees at a glance what to catch.

ApibenchError                 code                 exit
  UsageError                  usage                2     the command line asks for what can't be
    UnitInvalid               usage.unit           2     a text is no duration, rate, count, size or share
    ThresholdInvalid          usage.threshold      2     a text is no threshold
    NotBuilt                  usage.not_built      2     a known word whose meaning is not there yet
    WordsInvalid              usage.words          2     words of a command line or a call can't be; carries all faults
    CertificatesUnusable      usage.certificates   2     certificates can't be read, or do not hold
    SecretsUnusable           usage.secrets        2     what a plan names is not known here; carries all of it
    SourceUnreadable          usage.source         2     what is to be imported can't be read, or is something else
    KeysUnusable              usage.keys           2     keys that sign code, or are trusted to, can't be read or made
  PlanUnreadable              plan.unreadable      104   the file can't be read as a document at all
  PlanInvalid                 plan.invalid         104   the document is no plan; carries all its faults
  NotTraceable                scenario.untraceable 104   a scenario in Python can't become a plan; carries its place
  PythonUnusable              python.unusable      104   functions that a scenario has called can't be
  BundleUnusable              bundle.unusable      104   code can't be sent, or is not what was signed; all faults
  ResultUnreadable            result.unreadable    2     a file holds no result document
  SetUpFailed                 setup.failed         107  what is done once before the load did not go well; none was sent
    SetUpTimedOut             setup.timeout        100  it took longer than it may
    SetUpBrokenOff            setup.broken_off     105  somebody wanted the end meanwhile
  RunFailed                   run.failed           99    a run did not pass, and its caller wants to hear of it so
  TargetUnreachable           target.unreachable   111   the pre-flight found nobody there
  ChangeRefused               run.change           2     a run that is going on can't be changed like that
  EngineFailed                engine.failed        1     our fault; the run can't be used
  StoreFailed                 store.failed         1     the history or the database can't be read or written
    Conflict                  store.conflict       1     somebody else has written it meanwhile
    StaleTerm                 store.stale_term     1     somebody else leads, or owns the shard, by now
  LinkLost                    link.lost            1     another service does not answer
  Refused                     link.refused         2     another service does not take part with us: its reason
    TokenRefused              token.refused        2     there is no such token, or no longer
    NotAllowed                token.not_allowed    2     the token is good, but not for this
    BeyondQuota               quota.exceeded       2     a run, or a rate of one, is more than may be used
    TargetUnproven            target.unproven      2     targets are not allowed, and not shown to be the tester's
    CodeRefused               code.refused         2     a worker does not run code of others, or not of that signer
  NotFound                    not_found            2     there is none of that name
  OutputFailed                output.failed        1     nobody reads standard output, or its disk is full

Codes are stable. A message says what is wrong, the hint what to do; neither names a place, because
the same text may come from a command line, a file or a request body. A failed request is data, never an exception.
"""

from collections.abc import Iterator, Sequence
from typing import ClassVar

from apibench.model.exit_codes import ExitCode
from apibench.model.fault import Fault


class ApibenchError(Exception):
    """
    Something we refuse or failed to do, with a remedy and the exit code it deserves. `message` says what is wrong,
    `hint` what to do.
    """

    code: ClassVar[str] = "error"
    """For programs, and stable: `plan.invalid`."""
    exit_code: ClassVar[ExitCode] = ExitCode.OUR_FAULT
    """With which the command ends."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message, hint)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}. {self.hint}"


class UsageError(ApibenchError):
    """The command line asks for something that can't be."""

    code = "usage"
    exit_code = ExitCode.USAGE


class UnitInvalid(UsageError):
    """A text that should hold a number with a unit does not."""

    code = "usage.unit"


class ThresholdInvalid(UsageError):
    """A text is not `METRIC [of 'STEP'] OP VALUE [for DURATION] [abort]`."""

    code = "usage.threshold"


class NotBuilt(UsageError):
    """A word of the design whose meaning is not there yet. Refused by name, never ignored."""

    code = "usage.not_built"


class WordsInvalid(UsageError):
    """
    Words of a command line, or of a call, can't be. `faults` holds every one of them, each with its flag or name as
    the place.
    """

    code = "usage.words"

    def __init__(self, faults: Sequence[Fault], said_in: str = "the command line") -> None:
        count = len(faults)
        message = f"{said_in} has {count} fault{'s' if count != 1 else ''}"
        super().__init__(message, "Mend them all and try again.")
        self.faults = tuple(faults)

    def __str__(self) -> str:
        if len(self.faults) == 1:
            return str(self.faults[0])
        return "\n".join([f"{self.message}:", *(f"  {fault}" for fault in self.faults)])


class CertificatesUnusable(UsageError):
    """
    Certificates to trust, or ours, can't be read, hold none, or do not hold any more.

    Files are looked at whenever a link is made: one that was good at the start may have expired since.
    """

    code = "usage.certificates"


class SecretsUnusable(UsageError):
    """
    Secrets that a plan names are not known where the load is made, or can't stand where they are named.

    `faults` holds all of them. The message holds them too, for it may be all that another service is told.
    """

    code = "usage.secrets"

    def __init__(self, faults: Sequence[Fault]) -> None:
        told = "; ".join(f"{fault.place}: {fault.message}" for fault in faults)
        super().__init__(told, " ".join(dict.fromkeys(fault.remedy for fault in faults)))
        self.faults = tuple(faults)


class SourceUnreadable(UsageError):
    """What is to be imported is missing, too large, of another kind than was said, or has no request."""

    code = "usage.source"


class KeysUnusable(UsageError):
    """A key that is to sign code, or a file of those that are trusted to, is missing, no key, or open to others."""

    code = "usage.keys"


class PlanUnreadable(ApibenchError):
    """The file is missing, too large, or no JSON, YAML or TOML."""

    code = "plan.unreadable"
    exit_code = ExitCode.BAD_PLAN


class PlanInvalid(ApibenchError):
    """The document is no plan. `faults` holds every one of them, in the document's order."""

    code = "plan.invalid"
    exit_code = ExitCode.BAD_PLAN

    def __init__(self, faults: Sequence[Fault]) -> None:
        count = len(faults)
        super().__init__(f"the plan has {count} fault{'s' if count != 1 else ''}", "Mend them all and try again.")
        self.faults = tuple(faults)

    def __str__(self) -> str:
        return "\n".join([f"{self.message}:", *(f"  {fault}" for fault in self.faults)])


class NotTraceable(ApibenchError):
    """A scenario in Python that can't become a plan. `kind` is its own code, like AB101."""

    code = "scenario.untraceable"
    exit_code = ExitCode.BAD_PLAN

    def __init__(self, kind: str, message: str, hint: str, *, line: int, shown: str) -> None:
        """`shown`: all of it, with the lines around the place."""
        super().__init__(message, hint)
        self.kind = kind
        self.line = line
        self.shown = shown

    def __str__(self) -> str:
        return self.shown


class PythonUnusable(ApibenchError):
    """Functions that a scenario has called can't be: a process can't load their file, or the plan leads to none."""

    code = "python.unusable"
    exit_code = ExitCode.BAD_PLAN


class BundleUnusable(ApibenchError):
    """
    Code that a plan has called can't be sent to workers, or what has come is not what was signed.

    `faults` holds all of it. The message holds them too, for it may be all that another service is told.
    """

    code = "bundle.unusable"
    exit_code = ExitCode.BAD_PLAN

    def __init__(self, faults: Sequence[Fault]) -> None:
        told = "; ".join(f"{fault.place}: {fault.message}" if fault.place else fault.message for fault in faults)
        super().__init__(told, " ".join(dict.fromkeys(fault.remedy for fault in faults)))
        self.faults = tuple(faults)


class ResultUnreadable(ApibenchError):
    """The file is missing, no JSON, or not what the schema of results says."""

    code = "result.unreadable"
    exit_code = ExitCode.USAGE


class SetUpFailed(ApibenchError):
    """What is done once before the load did not go well: which request, and how. No load was sent."""

    code = "setup.failed"
    exit_code = ExitCode.SCENARIO_ERROR


class SetUpTimedOut(SetUpFailed):
    """It took longer than it may."""

    code = "setup.timeout"
    exit_code = ExitCode.SETUP_TIMEOUT


class SetUpBrokenOff(SetUpFailed):
    """Somebody wanted the end of the run meanwhile."""

    code = "setup.broken_off"
    exit_code = ExitCode.INTERRUPTED


class RunFailed(ApibenchError):
    """A run did not pass. Raised only for callers who ask for it: a verdict is data."""

    code = "run.failed"
    exit_code = ExitCode.THRESHOLD_FAILED

    def __init__(self, text: str) -> None:
        """`text`: its verdict and its thresholds."""
        super().__init__(text, "See its figures.")

    def __str__(self) -> str:
        return self.message


class TargetUnreachable(ApibenchError):
    """Nobody listens where the plan points to."""

    code = "target.unreachable"
    exit_code = ExitCode.TARGET_UNREACHABLE


class ChangeRefused(ApibenchError):
    """A run that is going on can't be changed like that; it goes on as it was."""

    code = "run.change"
    exit_code = ExitCode.USAGE


class EngineFailed(ApibenchError):
    """The engine broke; what it has measured can't be used."""

    code = "engine.failed"
    exit_code = ExitCode.OUR_FAULT


class StoreFailed(ApibenchError):
    """The history can't be read or written. A run goes on without it."""

    code = "store.failed"
    exit_code = ExitCode.OUR_FAULT


class Conflict(StoreFailed):
    """What was to be written has been written by somebody else since it was read."""

    code = "store.conflict"


class StaleTerm(StoreFailed):
    """Who writes is no longer the one who may."""

    code = "store.stale_term"


class LinkLost(ApibenchError):
    """Another service does not answer, or no longer."""

    code = "link.lost"


class Refused(ApibenchError):
    """Another service will not have us: the token, the version, what we asked for."""

    code = "link.refused"
    exit_code = ExitCode.USAGE


class TokenRefused(Refused):
    """Nobody is known by that token: it is missing, misspelt, expired or revoked."""

    code = "token.refused"


class NotAllowed(Refused):
    """Who asks is known, and may not do that."""

    code = "token.not_allowed"


class BeyondQuota(Refused):
    """A run, or another rate of one, is more than everybody together or its starter may use. `faults` holds all."""

    code = "quota.exceeded"

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("this is beyond the quota", "Ask for less, or an admin for more.")
        self.faults = tuple(faults)

    def __str__(self) -> str:
        return "\n".join([f"{self.message}:", *(f"  {fault}" for fault in self.faults)])


class TargetUnproven(Refused):
    """Targets of a plan are not allowed, and have not shown that they are their tester's. `faults` holds all."""

    code = "target.unproven"

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("targets are not allowed, and not proven", "See each of them.")
        self.faults = tuple(faults)

    def __str__(self) -> str:
        return "\n".join([f"{self.message}:", *(f"  {fault}" for fault in self.faults)])


class CodeRefused(Refused):
    """A worker runs no code of others, or none that has this signature. Which, it says."""

    code = "code.refused"


class NotFound(ApibenchError):
    """There is none of that name."""

    code = "not_found"
    exit_code = ExitCode.USAGE


class OutputFailed(ApibenchError):
    """Standard output was closed, or its disk is full. A run's other outputs and its verdict stand."""

    code = "output.failed"
    exit_code = ExitCode.OUR_FAULT


def all_errors() -> Iterator[type[ApibenchError]]:
    """Every class of the tree, parents first; docs and tests walk it."""
    waiting: list[type[ApibenchError]] = [ApibenchError]
    while waiting:
        error = waiting.pop(0)
        yield error
        waiting.extend(error.__subclasses__())
