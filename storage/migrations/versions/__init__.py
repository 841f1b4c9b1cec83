"""One file a revision: what it does to the tables, never what it does to the meaning of rows that a running older node still writes."""
