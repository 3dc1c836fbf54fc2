CREATE VIEW available AS
SELECT b.* FROM books AS b
WHERE NOT EXISTS (SELECT FROM loans AS l WHERE l.book_id = b.id AND l.returned IS NULL);
