-- confiture: transaction=off
-- Migration 007: store the total of an order, instead of adding up its lines on every page.
-- The column is filled in batches, each in a transaction of its own, so that no row of orders
-- stays locked for long. NOT NULL comes last: the valid CHECK constraint proves it, so that SET NOT
-- NULL does not read the table under its strong lock.

ALTER TABLE orders ADD COLUMN total numeric(12, 2);

-- From here on new lines keep the total true, while the older rows are filled.
CREATE FUNCTION refresh_order_total() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE orders SET total = order_total(id)
    WHERE id IN (CASE WHEN tg_op <> 'INSERT' THEN old.order_id END,
                 CASE WHEN tg_op <> 'DELETE' THEN new.order_id END);
    RETURN NULL;
END
$$;
ALTER TABLE orders ALTER COLUMN total SET DEFAULT 0;
CREATE TRIGGER order_lines_total AFTER INSERT OR UPDATE OR DELETE ON order_lines
    FOR EACH ROW EXECUTE FUNCTION refresh_order_total();

UPDATE orders SET total = order_total(id) WHERE total IS NULL AND id <= 2000;
UPDATE orders SET total = order_total(id) WHERE total IS NULL AND id <= 4000;
UPDATE orders SET total = order_total(id) WHERE total IS NULL;

ALTER TABLE orders ADD CONSTRAINT orders_total_not_null CHECK (total IS NOT NULL) NOT VALID;
ALTER TABLE orders VALIDATE CONSTRAINT orders_total_not_null;
ALTER TABLE orders ALTER COLUMN total SET NOT NULL;
ALTER TABLE orders DROP CONSTRAINT orders_total_not_null;
