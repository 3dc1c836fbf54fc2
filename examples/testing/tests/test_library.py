"""Each test has a database of its own: it may commit, and nobody else sees it."""

from __future__ import annotations

import psycopg
import pytest

from confiture.testdb import TestDatabase


def titles(connection: psycopg.Connection) -> list[str]:
    return [row[0] for row in connection.execute("SELECT title FROM available ORDER BY title")]


def test_all_books_are_available(confiture_db: TestDatabase) -> None:
    with confiture_db.connect() as connection:
        assert titles(connection) == ["Northanger Abbey", "Persuasion", "Pride and Prejudice"]


def test_a_loan_takes_a_book_away(confiture_db: TestDatabase) -> None:
    with confiture_db.connect() as connection:
        connection.execute("INSERT INTO loans (book_id, reader_id) VALUES (3, 1)")
        connection.commit()
        assert titles(connection) == ["Northanger Abbey", "Pride and Prejudice"]


def test_a_book_is_with_one_reader(confiture_db: TestDatabase) -> None:
    with confiture_db.connect(autocommit=True) as connection:
        connection.execute("INSERT INTO loans (book_id, reader_id) VALUES (3, 1)")
        with pytest.raises(psycopg.errors.UniqueViolation):
            connection.execute("INSERT INTO loans (book_id, reader_id) VALUES (3, 2)")
