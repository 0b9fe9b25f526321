"""The cost of one presigned address, as rows of the table."""

from bench import signing
from bench.table import Row

TIMES_CHEAPER = {"plain": 60, "quoted": 40}


def measure() -> list[Row]:
    """``at()`` is what answers use, and what the bounds are set for."""
    cost = dict(signing.measure())
    rows = []
    for name, seconds in cost.items():
        kind, _, way = name.partition(": ")
        target = TIMES_CHEAPER.get(kind) if way == "ours, at()" else None
        reference = cost[f"{kind if kind in TIMES_CHEAPER else 'plain'}: django-storages url()"]
        ratio = None if way.startswith("django-storages") else reference / seconds
        against = "" if ratio is None else "cheaper"
        rows.append(Row("One signed URL: CPU", name, seconds, "us", ratio, against, target, at_least=True))
    return rows
