DROP TRIGGER orders_log_status ON orders;
DROP FUNCTION log_order_status();
DROP TABLE order_events;
