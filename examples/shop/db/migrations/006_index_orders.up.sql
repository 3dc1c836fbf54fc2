-- Migration 006: indexes for the pages of a customer and of a product.
-- CREATE INDEX CONCURRENTLY lets writers go on. It can't run in a transaction block, so this
-- migration runs statement by statement.

CREATE INDEX CONCURRENTLY orders_customer_idx ON orders (customer_id, placed_at DESC);
CREATE INDEX CONCURRENTLY order_lines_product_idx ON order_lines (product_id);
CREATE INDEX CONCURRENTLY payments_order_idx ON payments (order_id);
