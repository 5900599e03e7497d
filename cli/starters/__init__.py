"""Files to start own code from: `NAME` stands for the name that somebody gives. `fedsim new` fills them in."""
