"""Own code: files, modules and installed packages that bring algorithms, without a change to fedsim.

`load("my_rules.py")` runs a file and keeps what it registers; `named(models, "./net.py:Net")` finds one thing in a file
or a module. What algorithms do, and whether they do it well, is known elsewhere.
"""

from fedsim.plugins.load import Plugin, Source, load, loaded
from fedsim.plugins.named import named
from fedsim.plugins.permission import permit, permitted
from fedsim.plugins.places import beside

__all__ = ["Plugin", "Source", "beside", "load", "loaded", "named", "permit", "permitted"]
