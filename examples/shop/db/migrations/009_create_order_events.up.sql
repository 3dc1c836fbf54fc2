-- confiture: depends_on=004
-- Migration 009: what happened to an order and when, in a partition for each quarter.

CREATE TABLE order_events (
    order_id bigint NOT NULL REFERENCES orders ON DELETE CASCADE,
    happened_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    old_status order_status,
    new_status order_status NOT NULL
) PARTITION BY RANGE (happened_at);

CREATE TABLE order_events_2026_q1 PARTITION OF order_events
    FOR VALUES FROM ('2026-01-01') TO ('2026-04-01');
CREATE TABLE order_events_2026_q2 PARTITION OF order_events
    FOR VALUES FROM ('2026-04-01') TO ('2026-07-01');
CREATE TABLE order_events_2026_q3 PARTITION OF order_events
    FOR VALUES FROM ('2026-07-01') TO ('2026-10-01');
CREATE TABLE order_events_other PARTITION OF order_events DEFAULT;

CREATE INDEX order_events_order_idx ON order_events (order_id, happened_at);

INSERT INTO order_events (order_id, happened_at, new_status)
SELECT id, placed_at, status FROM orders;

CREATE FUNCTION log_order_status() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO order_events (order_id, old_status, new_status) VALUES (new.id, old.status, new.status);
    RETURN NULL;
END
$$;

CREATE TRIGGER orders_log_status AFTER UPDATE OF status ON orders
    FOR EACH ROW WHEN (old.status IS DISTINCT FROM new.status)
    EXECUTE FUNCTION log_order_status();
