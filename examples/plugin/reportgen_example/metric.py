"""A metric of quality: top-3. reportgen imports this to learn what there is; nothing heavy here."""

from __future__ import annotations

from reportgen.record.metric import Metric

TOP3 = Metric(
    name="top3",
    label="Top-3",
    meaning="images whose class is among the first three",
    kind="accuracy",
    unit="%",
    better="higher",
    certainty="share",
    correct=True,
    measure="reportgen_example.measures:top_3",
)
