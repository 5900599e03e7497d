"""What can be shown of a run after the fact: what another rule would have done, and whether others can check it.

Reads results folders and plays rounds again; nothing here changes a run that is there.
"""
