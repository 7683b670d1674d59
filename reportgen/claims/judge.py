"""Judge claims: which hold, which do not, and what explains those that do not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from reportgen.claims import sentences
from reportgen.claims.candidates import explanations
from reportgen.claims.counts import Counts, NoModuleError, UnknownError
from reportgen.claims.printed import exact, part, printed
from reportgen.common.units import Number, parse_amount
from reportgen.record.metrics import metric_of
from reportgen.record.record import ClaimRecord, Record

_UNITS = {"MACs": "macs", "FLOPs": "flops", "params": "params"}
_SIZES = ("params", "trainable_params", "params.keras", "params.keras-non-trainable")

Status = Literal["agrees", "broken", "expected", "no longer fails", "open"]


@dataclass(frozen=True)
class ClaimVerdict:
    """The verdict on one claim: `ours` is our figure, `says` a sentence."""

    build: str
    claim: ClaimRecord
    ours: Number | None
    status: Status
    says: str

    @property
    def broken(self) -> bool:
        """Whether a check fails: a claim does not hold, or is expected to fail and holds."""
        return self.status in ("broken", "no longer fails")

    @property
    def subject(self) -> str:
        """What the claim is of: `flops of layer1.0`."""
        return self.claim.metric + (f" of {self.claim.module}" if self.claim.module else "")

    @property
    def verdict(self) -> str:
        """The status, then the sentence."""
        why = self.claim.reason.rstrip(".")
        opening = {
            "broken": "Broken. ",
            "expected": f"Known to be wrong ({why}). ",
            "no longer fails": f"No longer wrong ({why}). ",
        }
        return opening.get(self.status, "") + self.says

    def __str__(self) -> str:
        """Write it on one line."""
        return f"{self.subject}, {self.claim.value} ({self.claim.source}): {self.verdict}"


def judge(record: Record) -> list[ClaimVerdict]:
    """Judge every claim of a record, build by build."""
    counts = Counts(record)
    return [
        _judge(counts, name, claim) for name, build in counts.builds() for claim in build.claims
    ]


def broken_claims(record: Record) -> list[ClaimVerdict]:
    """Return the claims for which a check fails."""
    return [verdict for verdict in judge(record) if verdict.broken]


def judge_number(record: Record, build: str, text: str, key: str = "") -> str:
    """Explain in one sentence the number `text` (`7.8 G`), published for a build of the record.

    `key` is the claimed metric; empty if it is not known, or if the text names it. Raises
    ValueError if the text is not a count.
    """
    counts = Counts(record)
    named = _UNITS.get(parse_amount(text)[1], "")
    if key or named:
        return _judge(counts, build, ClaimRecord(key or named, text, "")).says
    claim = printed(text)
    if found := explanations(claim, counts, build):
        return sentences.explained(claim, found)
    figures = _figures(counts, build, "macs", "")
    batch = counts.batch_size(build)
    return sentences.unexplained(claim, figures, sentences.fact(figures, batch=batch))


def _judge(counts: Counts, build: str, claim: ClaimRecord) -> ClaimVerdict:
    key, module = claim.metric, claim.module
    number = printed(claim.value, key)
    try:
        ours = counts.figure(build, key, module)
    except NoModuleError as error:
        return ClaimVerdict(build, claim, None, "broken", str(error))
    except UnknownError as error:
        says = f"Cannot be judged: {str(error).rstrip('.')}."
        return ClaimVerdict(build, claim, None, "open", says)
    if number.fits(exact(ours), part(claim.tolerance)):
        says = sentences.agrees(number, key, ours, claim.tolerance)
        status: Status = "no longer fails" if claim.reason else "agrees"
        return ClaimVerdict(build, claim, ours, status, says)
    if metric_of(key).kind != "complexity":
        says = sentences.differs(number, key, ours)
    else:
        figures = _figures(counts, build, key, module)
        batch = 1 if key in _SIZES else counts.batch_size(build)
        if found := explanations(number, counts, build, key, module):
            fact = sentences.fact({key: ours}, module, batch)
            says = sentences.explained(number, found, ours, fact)
        else:
            says = sentences.unexplained(number, figures, sentences.fact(figures, module, batch))
    return ClaimVerdict(build, claim, ours, "expected" if claim.reason else "broken", says)


def _figures(counts: Counts, build: str, key: str, module: str) -> dict[str, Number]:
    """Return our figures, the claimed metric first; for MACs and FLOPs always both."""
    keys = {"macs": ("macs", "flops"), "flops": ("flops", "macs")}.get(key, (key,))
    return {key: counts.figure(build, key, module) for key in keys}
