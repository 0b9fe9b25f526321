"""The front page of the administration: what is stored where, what waits, what failed, and a plot of the last days."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from django.http import HttpRequest
from django.template.defaultfilters import filesizeformat

from media_assets.admin.totals import Amount, Totals, pending_uploads, registry_totals, variant_totals


@dataclass(frozen=True)
class Bar:
    """A part of one day's column, in hundredths of the plot's height from its top."""

    place: int  # of the day, from 0
    tone: int  # of the storage, from 0
    top: float
    height: float
    label: str


@dataclass(frozen=True)
class Plot:
    """Bytes stored per day, each storage in a tone of its own."""

    bars: list[Bar]
    storages: list[str]
    highest: int  # bytes
    days: list[tuple[date, Amount]]


def dashboard(request: HttpRequest) -> dict[str, Any]:
    """What the front page shows to this user: figures need the right to see the rows that they are of."""
    shown: dict[str, Any] = {}
    if request.user.has_perms(["media_assets.view_mediaasset"]):
        totals = registry_totals()
        shown |= {"totals": totals, "variants": variant_totals(), "plot": plot(totals), "shares": _shares(totals)}
    if request.user.has_perms(["media_assets.view_upload"]):
        shown["uploads"] = pending_uploads()
    return shown


def plot(totals: Totals) -> Plot:
    """The last days as columns, the highest of them as high as the plot."""
    days = [(day, sum(parts.values(), Amount())) for day, parts in totals.days]
    storages = sorted({storage for _, parts in totals.days for storage in parts})
    highest = max(amount.size for _, amount in days)
    bars = []
    for place, (day, parts) in enumerate(totals.days):
        top = 100.0
        for storage in sorted(parts):
            height = 100 * parts[storage].size / highest if highest else 0.0
            top -= height
            label = _label(day, storage, parts[storage])
            bars.append(Bar(place, storages.index(storage), round(top, 2), round(height, 2), label))
    return Plot(bars, storages, highest, days)


def _label(day: date, storage: str, amount: Amount) -> str:
    return f"{day:%d %b}, {storage}: {amount.files} files, {filesizeformat(amount.size)}"


def _shares(totals: Totals) -> list[tuple[str, str, Amount, float]]:
    """Storage, visibility, what lies there, and its part of all bytes in percent."""
    whole = totals.live.size or 1
    return [(*place, amount, round(100 * amount.size / whole, 1)) for *place, amount in totals.places]  # type: ignore[misc]
