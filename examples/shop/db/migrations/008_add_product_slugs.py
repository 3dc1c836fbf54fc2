"""Migration 008: a readable address for every product, /products/cafe-lamp-5."""

import re
import unicodedata

from confiture_py import Migration


def slug(name: str) -> str:
    """Return a name in plain letters: "Café Lamp 5" becomes "cafe-lamp-5"."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")


class AddProductSlugs(Migration):
    """Runs inside of the server, by plpython3u, in one transaction."""

    def up(self) -> None:
        """Add the column, fill it, and only then make it unique and NOT NULL."""
        self.execute("ALTER TABLE products ADD COLUMN slug text")
        rows = self.execute("SELECT id, name FROM products ORDER BY id")
        for row in rows:
            self.execute("UPDATE products SET slug = $1 WHERE id = $2", [slug(row["name"]), row["id"]])
        self.execute("ALTER TABLE products ALTER COLUMN slug SET NOT NULL, ADD UNIQUE (slug)")
        self.log(f"{len(rows)} products have a slug now")

    def down(self) -> None:
        """Drop the column."""
        self.execute("ALTER TABLE products DROP COLUMN slug")
