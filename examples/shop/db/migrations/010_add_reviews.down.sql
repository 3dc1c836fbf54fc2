CREATE OR REPLACE VIEW unpaid_orders AS
SELECT o.id, o.customer_id, o.placed_at, order_total(o.id) AS total,
    order_total(o.id) - coalesce(sum(p.amount), 0) AS due
FROM orders AS o
LEFT JOIN payments AS p ON p.order_id = o.id
WHERE o.status = 'placed'
GROUP BY o.id;

DROP MATERIALIZED VIEW best_sellers;
DROP VIEW product_ratings;
DROP TABLE reviews;
DROP DOMAIN stars;
