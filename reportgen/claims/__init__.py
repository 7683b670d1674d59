"""What others said, held against what was measured: pure functions of a record, without PyTorch."""

from reportgen.claims.judge import Verdict, broken_claims, judge, judge_number

__all__ = ["Verdict", "broken_claims", "judge", "judge_number"]
