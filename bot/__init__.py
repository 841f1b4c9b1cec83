"""The running program: settings, wiring, command line, workers and the HTTP server. The only room that knows all the others."""

import os
import sys

# A matrix library starts one thread per core (and a stack for each) when it is first imported. One question is far too small to
# share among cores, so this must be said before anything below loads NumPy.
for _library in ("OPENBLAS", "OMP", "MKL", "VECLIB_MAXIMUM"):
    os.environ.setdefault(f"{_library}_NUM_THREADS", "1")

# structlog loads rich, and with it pygments, wherever they happen to be installed: 5 MB and a tenth of a second, for tracebacks that are
# not drawn here. What stands for None among the modules cannot be imported; afterwards whoever wants it can.
_rich = sys.modules.pop("rich", None)
sys.modules["rich"] = None  # type: ignore[assignment]
try:
    import structlog as structlog
finally:
    del sys.modules["rich"]
    if _rich is not None:
        sys.modules["rich"] = _rich
