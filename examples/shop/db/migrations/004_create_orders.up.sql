-- Migration 004: stock, orders and payments.

CREATE TYPE order_status AS ENUM ('placed', 'paid', 'shipped', 'delivered', 'cancelled');
CREATE TYPE payment_method AS ENUM ('card', 'transfer', 'invoice');

CREATE TABLE warehouses (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE,
    country char(2) NOT NULL REFERENCES countries
);

CREATE TABLE stock (
    warehouse_id integer NOT NULL REFERENCES warehouses,
    product_id bigint NOT NULL REFERENCES products,
    quantity integer NOT NULL CHECK (quantity >= 0),
    PRIMARY KEY (warehouse_id, product_id)
);

CREATE TABLE orders (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    customer_id bigint NOT NULL REFERENCES customers,
    address_id bigint REFERENCES addresses,
    status order_status NOT NULL DEFAULT 'placed',
    placed_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE order_lines (
    order_id bigint NOT NULL REFERENCES orders ON DELETE CASCADE,
    line integer NOT NULL,
    product_id bigint NOT NULL REFERENCES products,
    quantity integer NOT NULL CHECK (quantity > 0),
    unit_price numeric(10, 2) NOT NULL,
    PRIMARY KEY (order_id, line)
);

CREATE TABLE payments (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    order_id bigint NOT NULL REFERENCES orders,
    method payment_method NOT NULL,
    amount numeric(12, 2) NOT NULL CHECK (amount > 0),
    received_at timestamptz NOT NULL DEFAULT now()
);

CREATE FUNCTION order_total(wanted bigint) RETURNS numeric
LANGUAGE sql STABLE AS $$
    SELECT coalesce(sum(l.quantity * l.unit_price), 0) FROM order_lines AS l WHERE l.order_id = wanted
$$;

CREATE VIEW unpaid_orders AS
SELECT o.id, o.customer_id, o.placed_at, order_total(o.id) AS total,
    order_total(o.id) - coalesce(sum(p.amount), 0) AS due
FROM orders AS o
LEFT JOIN payments AS p ON p.order_id = o.id
WHERE o.status = 'placed'
GROUP BY o.id;
