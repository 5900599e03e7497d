"""`python -m fedsim`: the same as `fedsim`."""

from importlib import import_module

import_module("cli.app").main()
