"""One file a command: what is asked is done by `fedsim`, and shown by `cli.display`."""
