-- What confiture_py needs from the library.

CREATE OR REPLACE FUNCTION confiture._parameter_types(statement text, known regtype[]) RETURNS regtype[]
LANGUAGE c STABLE STRICT AS 'MODULE_PATHNAME', 'confiture_parameter_types';
