"""What fedsim costs beside the packages that do the same; not in the wheel."""
