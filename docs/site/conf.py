"""Sphinx's configuration: offline, mathematics as MathML, every warning an error (by the Makefile)."""

import re
from typing import Any

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml

project = "fedsim"
author = "The fedsim maintainers"
copyright = "The fedsim maintainers"
extensions = ["myst_parser"]
myst_enable_extensions = ["attrs_block", "attrs_inline", "colon_fence", "deflist"]
myst_heading_anchors = 3
smartquotes = False  # two hyphens begin an option
highlight_language = "text"
suppress_warnings = ["myst.header"]  # tables of results begin below the second level, as they may on GitHub
html_theme = "furo"
html_title = "fedsim"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_show_search_summary = False  # fetched page by page, which browsers refuse to pages from a disk
html_copy_source = False
html_show_sourcelink = False
html_show_copyright = False
html_math_renderer = "mathml"


def mathml(tex: str, *, as_block: bool = False) -> str:
    """MathML whose brackets grow with a fraction only: browsers leave gaps beside those that might grow."""
    found = str(tex2mathml(tex, as_block=as_block))
    return found if "frac" in tex else re.sub(r"<mo>([⟨⟩⌊⌋⌈⌉{}|‖])</mo>", r'<mo stretchy="false">\1</mo>', found)


def inline(translator: Any, node: nodes.math) -> None:
    """TeX between words, as MathML."""
    translator.body.append(mathml(node.astext()))
    raise nodes.SkipNode


def block(translator: Any, node: nodes.math_block) -> None:
    """TeX on lines of its own, as MathML."""
    translator.body.append(mathml(node.astext(), as_block=True))
    raise nodes.SkipNode


def setup(app: Any) -> None:
    """Make the renderer known."""
    app.add_html_math_renderer("mathml", (inline, None), (block, None))
