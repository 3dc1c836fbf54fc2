COPY books (isbn, title) FROM stdin;
978-0-14-144026-0	Northanger Abbey
978-0-14-143951-8	Pride and Prejudice
978-0-19-953555-2	Persuasion
\.

INSERT INTO readers (name) VALUES ('Ada'), ('Grace');
