"""The site of `make docs`: pages of everything that is registered, and the hand-written pages beside them.

`python -m docs.site FOLDER` writes Sphinx's sources; `conf.py` is Sphinx's own. Nothing here is part of the package.
"""
