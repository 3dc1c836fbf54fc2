-- Migration 005: sample data, the same every time. A shop of your own would start empty.

INSERT INTO brands (name)
SELECT 'Brand ' || b FROM generate_series(1, 20) AS b;

INSERT INTO categories (parent_id, name)
VALUES (NULL, 'Kitchen'), (NULL, 'Garden'), (NULL, 'Office');

INSERT INTO categories (parent_id, name)
SELECT top.id, kind
FROM categories AS top
CROSS JOIN unnest(ARRAY['Tools', 'Lamps', 'Chairs', 'Boxes']) AS kind
WHERE top.parent_id IS NULL;

INSERT INTO products (sku, brand_id, name, price)
SELECT format('SKU-%s', 10000 + p),
    b.id,
    format('%s %s', (ARRAY['Café Lamp', 'Garden Chair', 'Box', 'Señor Knife', 'Desk'])[1 + p % 5], p),
    round((5 + p * 7 % 200 + 0.99)::numeric, 2)
FROM generate_series(1, 500) AS p
JOIN brands AS b ON b.name = 'Brand ' || 1 + p % 20;

INSERT INTO product_categories (product_id, category_id)
SELECT p.id, c.id
FROM products AS p
JOIN (SELECT id, row_number() OVER (ORDER BY id) AS n FROM categories WHERE parent_id IS NOT NULL) AS c
    ON c.n = 1 + p.id % 12;

INSERT INTO customers (email, full_name, status)
SELECT format('customer%s@example.com', c), format('Customer %s', c),
    CASE WHEN c % 10 = 0 THEN 'closed' ELSE 'active' END::customer_status
FROM generate_series(1, 2000) AS c;

INSERT INTO addresses (customer_id, street, postcode, city, country)
SELECT c.id, format('Main Street %s', c.id), lpad((c.id * 37 % 100000)::text, 5, '0'), 'Springfield',
    (ARRAY['DE', 'FR', 'NL', 'AT', 'IT'])[1 + c.id % 5]
FROM customers AS c;

INSERT INTO warehouses (name, country) VALUES ('North', 'DE'), ('South', 'IT');

INSERT INTO stock (warehouse_id, product_id, quantity)
SELECT w.id, p.id, (p.id * 13 + w.id) % 90
FROM warehouses AS w CROSS JOIN products AS p;

INSERT INTO orders (customer_id, address_id, status, placed_at)
SELECT a.customer_id, a.id,
    (ARRAY['placed', 'paid', 'shipped', 'delivered', 'delivered', 'cancelled'])[1 + o % 6]::order_status,
    timestamptz '2026-01-01 00:00+00' + o * interval '1 hour'
FROM generate_series(1, 5000) AS o
JOIN (SELECT *, row_number() OVER (ORDER BY id) AS n FROM addresses) AS a ON a.n = 1 + o * 17 % 2000;

INSERT INTO order_lines (order_id, line, product_id, quantity, unit_price)
SELECT o.id, l, p.id, 1 + (o.id + l) % 3, p.price
FROM orders AS o
CROSS JOIN generate_series(1, 3) AS l
JOIN (SELECT *, row_number() OVER (ORDER BY id) AS n FROM products) AS p ON p.n = 1 + (o.id * 11 + l * 101) % 500;

INSERT INTO payments (order_id, method, amount, received_at)
SELECT o.id, (ARRAY['card', 'transfer', 'invoice'])[1 + o.id % 3]::payment_method,
    order_total(o.id), o.placed_at + interval '10 minutes'
FROM orders AS o
WHERE o.status IN ('paid', 'shipped', 'delivered');

-- The planner, and the estimates of a dry run, want to know about the new rows.
ANALYZE;
