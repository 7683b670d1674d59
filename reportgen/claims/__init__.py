"""What others said, held against what was measured: pure functions of a record, without PyTorch."""

from reportgen.claims.judge import ClaimVerdict, broken_claims, judge, judge_number

__all__ = ["ClaimVerdict", "broken_claims", "judge", "judge_number"]
