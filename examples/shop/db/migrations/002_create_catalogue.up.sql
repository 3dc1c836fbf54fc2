-- Migration 002: what the shop sells.

CREATE TABLE brands (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE
);

CREATE TABLE categories (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    parent_id integer REFERENCES categories,
    name text NOT NULL,
    UNIQUE NULLS NOT DISTINCT (parent_id, name)
);

CREATE TABLE products (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    sku text NOT NULL UNIQUE,
    brand_id integer NOT NULL REFERENCES brands,
    name text NOT NULL,
    price numeric(10, 2) NOT NULL CHECK (price >= 0),
    active boolean NOT NULL DEFAULT true,
    updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE TRIGGER products_touch BEFORE UPDATE ON products
    FOR EACH ROW EXECUTE FUNCTION touch_updated_at();

CREATE TABLE product_categories (
    product_id bigint NOT NULL REFERENCES products ON DELETE CASCADE,
    category_id integer NOT NULL REFERENCES categories,
    PRIMARY KEY (product_id, category_id)
);

CREATE INDEX product_categories_category_idx ON product_categories (category_id);

-- The name of a category with those above it: 'Kitchen / Pans'.
CREATE FUNCTION category_path(category integer) RETURNS text
LANGUAGE sql STABLE AS $$
    WITH RECURSIVE above AS (
        SELECT c.parent_id, c.name, 1 AS distance FROM categories AS c WHERE c.id = category
        UNION ALL
        SELECT c.parent_id, c.name, a.distance + 1
        FROM categories AS c JOIN above AS a ON a.parent_id = c.id
    )
    SELECT string_agg(name, ' / ' ORDER BY distance DESC) FROM above
$$;

CREATE VIEW product_list AS
SELECT p.id, p.sku, p.name, b.name AS brand, p.price
FROM products AS p
JOIN brands AS b ON b.id = p.brand_id
WHERE p.active;
