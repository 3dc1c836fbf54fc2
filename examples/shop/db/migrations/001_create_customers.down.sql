DROP TABLE addresses;
DROP TABLE customers;
DROP FUNCTION touch_updated_at();
DROP TYPE customer_status;
