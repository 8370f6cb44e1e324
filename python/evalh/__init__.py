"""evalh in Python: workers (a model in another process), maps for evalh to score, and result files.

serve, Method, fingerprint      the worker side of evalh's protocol (docs/worker.md)
write_maps, MapWriter, read_maps  heat maps in a file, for evalh to score
load, Result                    a result file as numpy arrays, pandas frames and xarray
"""

from . import _channel

# In a worker, this must come before anything can print, because standard output carries the
# protocol.
_channel.claim_if_worker()

from .maps import MapWriter, read_maps, write_maps  # noqa: E402
from .result import Result, load  # noqa: E402
from .worker import Method, fingerprint, serve  # noqa: E402

__version__ = "0.2.0"
__all__ = [
    "Method",
    "MapWriter",
    "Result",
    "fingerprint",
    "load",
    "read_maps",
    "serve",
    "write_maps",
]
