"""Makes tests/worlds.py importable as `worlds`.

By its file, because with `tests` on the path the folder tests/mmcore would hide the installed package mmcore.
"""

import importlib.util
import sys
from pathlib import Path

if "worlds" not in sys.modules:
    found = importlib.util.spec_from_file_location("worlds", Path(__file__).parents[2] / "worlds.py")
    worlds = importlib.util.module_from_spec(found)
    sys.modules["worlds"] = worlds
    found.loader.exec_module(worlds)
