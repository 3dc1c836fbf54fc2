DROP INDEX CONCURRENTLY payments_order_idx;
DROP INDEX CONCURRENTLY order_lines_product_idx;
DROP INDEX CONCURRENTLY orders_customer_idx;
