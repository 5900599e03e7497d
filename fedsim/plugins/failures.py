"""What is said of own code that fails to load: its file, the line, and what is wrong there."""

import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from fedsim.errors import FedsimError, NotRegistrable, PluginFailed, did_you_mean


@contextmanager
def failing(asked: str, files: Sequence[Path]) -> Iterator[None]:
    """Whatever own code raises inside is PluginFailed, told at the last line of its own files."""
    try:
        yield
    except (FedsimError, KeyboardInterrupt, GeneratorExit):
        raise
    except BaseException as error:
        raise PluginFailed(_told(asked, error, set(map(str, files)))) from error


def _told(asked: str, error: BaseException, files: set[str]) -> str:
    if isinstance(error, SyntaxError):
        shown = f": {error.text.strip()}" if error.text and error.text.strip() else ""
        place = f"{Path(error.filename).name if error.filename else asked}:{error.lineno}"
        return f"{place}: is not Python: {error.msg}{shown}"
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename in files]
    inside = f" (in {frames[-1].name})" if frames and frames[-1].name != "<module>" else ""
    where = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else asked
    return f"{where}: {_words(error)}{inside}"


def _words(error: BaseException) -> str:
    if isinstance(error, NotRegistrable):
        return str(error)
    if "partially initialized module" in str(error):
        return f"circular import: {error}"
    if isinstance(error, ModuleNotFoundError) and error.name:
        return f"imports `{error.name}`, which is not installed{did_you_mean(error.name, list(sys.modules))}"
    if isinstance(error, SystemExit):
        return "ends the process (SystemExit) where it should only define things"
    return f"raised {type(error).__name__}: {error}" if str(error) else f"raised {type(error).__name__}"
