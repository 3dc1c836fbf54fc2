DROP VIEW product_list;
DROP FUNCTION category_path(integer);
DROP TABLE product_categories;
DROP TABLE products;
DROP TABLE categories;
DROP TABLE brands;
