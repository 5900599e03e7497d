"""Compiled forward and backward passes of small networks: an accelerator; without it torch does the same work."""
