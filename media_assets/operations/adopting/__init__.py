"""Takes over files that already lie in one of the site's storages, under the keys that they have there.

``targets``: what may become of a file, said by the apps (their modules ``adoption``). ``lines``: which files, from a
listing or a CSV. ``looking``: what a file is. ``running``: the work itself, several files at a time.
"""

from media_assets.operations.adopting.lines import CSV_COLUMNS, Line, count_lines, csv_lines, prefix_lines
from media_assets.operations.adopting.running import Job, Outcome, Report, Result, adopt_all
from media_assets.operations.adopting.targets import (
    Adoption,
    Refused,
    Target,
    known_targets,
    owner_named,
    target,
    target_named,
)

__all__ = [
    "CSV_COLUMNS",
    "Adoption",
    "Job",
    "Line",
    "Outcome",
    "Refused",
    "Report",
    "Result",
    "Target",
    "adopt_all",
    "count_lines",
    "csv_lines",
    "known_targets",
    "owner_named",
    "prefix_lines",
    "target",
    "target_named",
]
