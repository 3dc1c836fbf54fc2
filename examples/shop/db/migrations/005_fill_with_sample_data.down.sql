TRUNCATE payments, order_lines, orders, stock, warehouses, product_categories, products, categories,
    brands, addresses, customers
    RESTART IDENTITY;
