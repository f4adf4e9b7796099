"""What the jobs of an encoder ask of a cluster. Nothing here decides a number, so no run is called by it."""

from typing import Annotated

from pydantic import Field

from arccse.validation import Strict


class Resources(Strict):
    """Of a job that trains or scores a run; Snakemake's own names, which each executor translates."""

    gpu: Annotated[int, Field(ge=0, le=1)] = 1
    """1 or none. On one's own machine a job takes a GPU that is there, and none is asked for."""
    threads: Annotated[int, Field(ge=1, le=1024)] = 1
    """Cores. Another number of threads may change the last digits of a float."""
    mem_mb: Annotated[int, Field(ge=1, le=10**8)] = 4000
    """Memory beside the GPU's, in MB."""
    runtime: Annotated[int, Field(ge=1, le=10**6)] = 240
    """Minutes. A training that is cut off goes on from its saved state when it is started again."""
