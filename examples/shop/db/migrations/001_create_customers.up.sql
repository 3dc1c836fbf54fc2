-- Migration 001: customers and their addresses.

CREATE TYPE customer_status AS ENUM ('prospect', 'active', 'closed');

-- Keeps updated_at true: a trigger of every table that has the column.
CREATE FUNCTION touch_updated_at() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    new.updated_at := clock_timestamp();
    RETURN new;
END
$$;

CREATE TABLE customers (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    email text NOT NULL UNIQUE CHECK (email LIKE '%_@_%'),
    full_name text NOT NULL,
    status customer_status NOT NULL DEFAULT 'prospect',
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE TRIGGER customers_touch BEFORE UPDATE ON customers
    FOR EACH ROW EXECUTE FUNCTION touch_updated_at();

CREATE TABLE addresses (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    customer_id bigint NOT NULL REFERENCES customers ON DELETE CASCADE,
    street text NOT NULL,
    postcode text NOT NULL,
    city text NOT NULL,
    country char(2) NOT NULL
);

CREATE INDEX addresses_customer_idx ON addresses (customer_id);
