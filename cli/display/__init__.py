"""What the terminal shows: the header, the live table, the summary, progress and mistakes."""
