-- Text search: parsers, templates, dictionaries, configurations.

-- pair: text_search_added
-- from:
-- to:
CREATE TEXT SEARCH PARSER p (START = prsd_start, GETTOKEN = prsd_nexttoken, END = prsd_end, LEXTYPES = prsd_lextype, HEADLINE = prsd_headline);
CREATE TEXT SEARCH TEMPLATE t (INIT = dsimple_init, LEXIZE = dsimple_lexize);
CREATE TEXT SEARCH DICTIONARY d (TEMPLATE = t, STOPWORDS = english);
CREATE TEXT SEARCH CONFIGURATION c (PARSER = p);
ALTER TEXT SEARCH CONFIGURATION c ADD MAPPING FOR asciiword, word WITH d, simple;
COMMENT ON TEXT SEARCH CONFIGURATION c IS 'c';

-- pair: text_search_parser
-- from:
CREATE TEXT SEARCH PARSER p (START = prsd_start, GETTOKEN = prsd_nexttoken, END = prsd_end, LEXTYPES = prsd_lextype);
-- to:
CREATE TEXT SEARCH PARSER p (START = prsd_start, GETTOKEN = prsd_nexttoken, END = prsd_end, LEXTYPES = prsd_lextype, HEADLINE = prsd_headline);

-- pair: text_search_template_under_a_dictionary
-- from:
CREATE TEXT SEARCH TEMPLATE t (LEXIZE = dsimple_lexize);
CREATE TEXT SEARCH DICTIONARY d (TEMPLATE = t);
-- to:
CREATE TEXT SEARCH TEMPLATE t (INIT = dsimple_init, LEXIZE = dsimple_lexize);
CREATE TEXT SEARCH DICTIONARY d (TEMPLATE = t);

-- pair: text_search_dictionary_options
-- from:
CREATE TEXT SEARCH DICTIONARY d (TEMPLATE = simple, STOPWORDS = english);
CREATE TEXT SEARCH DICTIONARY e (TEMPLATE = snowball, LANGUAGE = english);
-- to:
CREATE TEXT SEARCH DICTIONARY d (TEMPLATE = simple, ACCEPT = false);
CREATE TEXT SEARCH DICTIONARY e (TEMPLATE = snowball, LANGUAGE = french, STOPWORDS = french);

-- pair: text_search_dictionary_template
-- from:
CREATE TEXT SEARCH DICTIONARY d (TEMPLATE = simple);
CREATE TEXT SEARCH CONFIGURATION c (PARSER = "default");
ALTER TEXT SEARCH CONFIGURATION c ADD MAPPING FOR word WITH d;
-- to:
CREATE TEXT SEARCH DICTIONARY d (TEMPLATE = snowball, LANGUAGE = english);
CREATE TEXT SEARCH CONFIGURATION c (PARSER = "default");
ALTER TEXT SEARCH CONFIGURATION c ADD MAPPING FOR word WITH d;

-- pair: text_search_mappings
-- base:
CREATE TEXT SEARCH DICTIONARY d (TEMPLATE = simple);
-- from:
CREATE TEXT SEARCH CONFIGURATION c (PARSER = "default");
ALTER TEXT SEARCH CONFIGURATION c ADD MAPPING FOR word, asciiword, int WITH d;
-- to:
CREATE TEXT SEARCH CONFIGURATION c (PARSER = "default");
ALTER TEXT SEARCH CONFIGURATION c ADD MAPPING FOR word WITH simple, d;
ALTER TEXT SEARCH CONFIGURATION c ADD MAPPING FOR asciiword, url WITH d;

-- pair: text_search_configuration_parser
-- base:
CREATE TEXT SEARCH PARSER p (START = prsd_start, GETTOKEN = prsd_nexttoken, END = prsd_end, LEXTYPES = prsd_lextype);
-- from:
CREATE TEXT SEARCH CONFIGURATION c (PARSER = "default");
ALTER TEXT SEARCH CONFIGURATION c ADD MAPPING FOR word WITH simple;
COMMENT ON TEXT SEARCH CONFIGURATION c IS 'stays';
-- to:
CREATE TEXT SEARCH CONFIGURATION c (PARSER = p);
ALTER TEXT SEARCH CONFIGURATION c ADD MAPPING FOR word WITH simple;
COMMENT ON TEXT SEARCH CONFIGURATION c IS 'stays';

-- pair: text_search_in_an_index_and_a_column
-- from:
CREATE TEXT SEARCH CONFIGURATION c (COPY = english);
CREATE TABLE t (a text, v tsvector GENERATED ALWAYS AS (to_tsvector('public.c', a)) STORED);
CREATE INDEX i ON t USING gin (to_tsvector('public.c', a));
-- to:
CREATE TEXT SEARCH CONFIGURATION c (COPY = english);
ALTER TEXT SEARCH CONFIGURATION c DROP MAPPING FOR url;
CREATE TABLE t (a text, v tsvector GENERATED ALWAYS AS (to_tsvector('public.c', a)) STORED);
CREATE INDEX i ON t USING gin (to_tsvector('public.c', a));

-- pair: text_search_moves
-- base:
CREATE SCHEMA s;
-- from:
CREATE TEXT SEARCH CONFIGURATION c (COPY = simple);
CREATE TEXT SEARCH DICTIONARY d (TEMPLATE = simple);
-- to:
CREATE TEXT SEARCH CONFIGURATION s.c (COPY = simple);
CREATE TEXT SEARCH DICTIONARY s.d (TEMPLATE = simple);
