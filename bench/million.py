"""Very many artworks with an image each, written by the database itself."""

from django.db import connection

from artworks.models import ArtWork
from media_assets.models import MediaAsset
from users.models import User

NUMBERS = {
    "sqlite": "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < %s) ",
    "postgresql": "WITH numbers(n) AS (SELECT generate_series(1, %s)) ",
}
# Seconds apart, two artworks each second.
MOMENT = {
    "sqlite": "strftime('%%Y-%%m-%%d %%H:%%M:%%S', 1700000000 + n / 2, 'unixepoch')",
    "postgresql": "to_timestamp(1700000000 + n / 2)",
}
UUID = {"sqlite": "printf('%%032x', n)", "postgresql": "lpad(to_hex(n), 32, '0')::uuid"}
# As likes fall in practice: half of the artworks have none, few have many (hashed, so that age says nothing).
HASHED = "(CAST(n AS bigint) * 7919 %% 1000003)"
LIKES = f"CASE WHEN n %% 2 = 0 THEN 0 ELSE 3000000 / (1000 + {HASHED}) END"


def fill(count: int, author: User) -> None:
    """So many rows of one author, ids from 1; the planner of PostgreSQL is told."""
    vendor = connection.vendor
    moment = MOMENT[vendor]
    asset = {
        "id": "n",
        "object_id": UUID[vendor],
        "owner_id": str(author.pk),
        "storage": "'local-public'",
        "copy_storage": "''",
        "key": "'artworks/mountain_landscape_' || n || '.jpg'",
        "visibility": "'public'",
        "state": "'ready'",
        "content_type": "'image/jpeg'",
        "size": "2190194",
        "sha256": f"'{'0' * 64}'",
        "original_filename": "'mountain_landscape_' || n || '.jpg'",
        "width": "4608",
        "height": "1976",
        "location_removed": "FALSE",
        "variants": "NULL",
        "failure_reason": "''",
        "variants_of": "''",
        "raw_storage": "''",
        "raw_key": "''",
        "work_tries": "0",
        "published_at": moment,
        "created_at": moment,
        "updated_at": moment,
    }
    artwork = {
        "id": "n",
        "author_id": str(author.pk),
        "title": "'Mountain Landscape ' || n",
        "description": "'A mountain landscape in the early morning, painted on the spot.'",
        "medium": "'Oil on canvas'",
        "dimensions": "'24x36 inches'",
        "tags": "'landscape,mountains'",
        "image_id": "n",
        "image_url": "''",
        "likes_count": LIKES,
        "reviews_count": "0",
        "created_at": moment,
        "updated_at": moment,
    }
    for model, values in ((MediaAsset, asset), (ArtWork, artwork)):
        columns = ", ".join(connection.ops.quote_name(name) for name in values)
        target = f"INSERT INTO {model._meta.db_table} ({columns}) "
        select = f"SELECT {', '.join(values.values())} FROM numbers"
        with connection.cursor() as cursor:
            cursor.execute(f"{target}{NUMBERS[vendor]}{select}", [count])
            if vendor == "postgresql":
                cursor.execute(f"VACUUM ANALYZE {model._meta.db_table}")
