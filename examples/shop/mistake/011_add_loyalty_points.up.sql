-- Migration 011: one point for every ten euros of delivered orders.

CREATE TABLE loyalty_points (
    customer_id bigint PRIMARY KEY REFERENCES customers ON DELETE CASCADE,
    points integer NOT NULL CHECK (points >= 0)
);

INSERT INTO loyalty_points (customer_id, points)
SELECT o.customer_id, floor(sum(o.totel) / 10)
FROM orders AS o
WHERE o.status = 'delivered'
GROUP BY o.customer_id;
