"""One module a section: facts in, one frozen view out; ids and order never change."""
