"""What a run is: one frozen value read from a TOML file, with every mistake found before any work.

Sections and their keys, building them from tables, positions in the file, the dry run and the guarantees live here;
no data is loaded and nothing is trained.
"""
