"""The running program: settings, wiring, command line, workers and the HTTP server. The only room that knows all the others."""

import os

# A matrix library starts one thread per core (and a stack for each) when it is first imported. One question is far too small to
# share among cores, so this must be said before anything below loads NumPy.
for _library in ("OPENBLAS", "OMP", "MKL", "VECLIB_MAXIMUM"):
    os.environ.setdefault(f"{_library}_NUM_THREADS", "1")
