"""A table with every kind of ordering column, for the tests of lists."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from django.db import connection, models

BEGIN = datetime(2025, 5, 15, 12, 30, 45, 123456, tzinfo=UTC)


class Item(models.Model):
    created_at = models.DateTimeField()
    likes = models.IntegerField()
    price = models.DecimalField(max_digits=12, decimal_places=2)
    name = models.CharField(max_length=100)
    is_sold = models.BooleanField(default=False)

    class Meta:
        app_label = "api_tests"
        managed = False

    def __str__(self) -> str:
        return self.name


def create_table(rows: int) -> list[Item]:
    """The table, within the test's transaction: several rows share each value; times differ by one microsecond."""
    columns = ", ".join(f"{field.column} {field.db_type(connection)} NOT NULL" for field in Item._meta.local_fields)
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TABLE {Item._meta.db_table} ({columns}, PRIMARY KEY (id))")
        cursor.execute(f"CREATE INDEX items_by_age ON {Item._meta.db_table} (created_at, id)")
    items = [
        Item(
            id=n + 1,
            created_at=BEGIN + timedelta(microseconds=n // 3),
            likes=n % 4 - 1,
            price=Decimal(n % 5) / 4,
            name=f"Картина «{n % 6}» n{n}" if n % 2 else f"100% {n}",
            is_sold=n % 3 == 0,
        )
        for n in range(rows)
    ]
    return Item.objects.bulk_create(items, batch_size=1000)
