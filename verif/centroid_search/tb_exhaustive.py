"""Every codebook of two centroids with every vector, coordinates of 2 bits: 256 codebooks x 16 vectors."""

import itertools

import numpy as np
import pyuvm

from verif.centroid_search.tb import SearchTest


@pyuvm.test(timeout_time=1, timeout_unit="ms")
class Exhaustive(SearchTest):
    async def stimulus(self):
        points = list(itertools.product(range(-2, 2), repeat=2))
        jobs = [(np.array(book), np.array(points)) for book in itertools.product(points, repeat=2)]
        await self.play(jobs)
