"""`fedsim bench`: what fedsim costs on this machine, beside the loop a researcher writes and the packages installed."""
