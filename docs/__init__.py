"""What is written about fedsim, and what makes a site of it."""
