ALTER TABLE addresses DROP CONSTRAINT addresses_country_fkey;
DROP TABLE tax_rates;
DROP TABLE countries;
