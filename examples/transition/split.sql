-- The table of the application, and the two that take its place.
CREATE TABLE app.clients (id bigint PRIMARY KEY, name text NOT NULL, street text, city text);
INSERT INTO app.clients
SELECT i, 'client ' || i, CASE WHEN i % 3 > 0 THEN 'street ' || i END, CASE WHEN i % 3 > 0 THEN 'city' END
FROM generate_series(1, 1000) AS i;

CREATE SCHEMA app_v3;
CREATE TABLE app_v3.clients (id bigint PRIMARY KEY, name text NOT NULL);
CREATE TABLE app_v3.addresses (
    client bigint PRIMARY KEY REFERENCES app_v3.clients ON DELETE CASCADE,
    street text NOT NULL,
    town text
);
