-- Needs books and readers, which come later: it waits for them.
CREATE TABLE loans (
    book_id bigint NOT NULL REFERENCES books,
    reader_id bigint NOT NULL REFERENCES readers,
    due date NOT NULL DEFAULT current_date + 28,
    returned date,
    PRIMARY KEY (book_id, reader_id, due)
);

-- A book is with one reader at a time.
CREATE UNIQUE INDEX loans_open ON loans (book_id) WHERE returned IS NULL;
