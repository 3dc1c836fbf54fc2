-- Migration 003: the countries that the shop delivers to, and their value added tax in percent.

CREATE TABLE countries (
    code char(2) PRIMARY KEY CHECK (code = upper(code)),
    name text NOT NULL UNIQUE,
    in_union boolean NOT NULL
);

COPY countries (code, name, in_union) FROM stdin;
AT	Austria	t
BE	Belgium	t
CH	Switzerland	f
CZ	Czechia	t
DE	Germany	t
DK	Denmark	t
ES	Spain	t
FI	Finland	t
FR	France	t
GB	United Kingdom	f
IE	Ireland	t
IT	Italy	t
LU	Luxembourg	t
NL	Netherlands	t
NO	Norway	f
PL	Poland	t
PT	Portugal	t
SE	Sweden	t
\.

CREATE TABLE tax_rates (
    country char(2) NOT NULL REFERENCES countries,
    kind text NOT NULL CHECK (kind IN ('standard', 'reduced')),
    percent numeric(4, 1) NOT NULL CHECK (percent BETWEEN 0 AND 100),
    PRIMARY KEY (country, kind)
);

COPY tax_rates (country, kind, percent) FROM stdin WITH (FORMAT csv, HEADER);
country,kind,percent
AT,standard,20
AT,reduced,10
BE,standard,21
BE,reduced,6
DE,standard,19
DE,reduced,7
ES,standard,21
ES,reduced,10
FR,standard,20
FR,reduced,5.5
IT,standard,22
IT,reduced,10
NL,standard,21
NL,reduced,9
\.

-- addresses is empty yet. A table in use would get this in two migrations: NOT VALID, then VALIDATE.
ALTER TABLE addresses ADD CONSTRAINT addresses_country_fkey FOREIGN KEY (country) REFERENCES countries;
